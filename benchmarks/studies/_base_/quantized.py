"""The small CNN of digits.py with weights and inputs of 2 bits (LSQ), from a trained float one."""

_base_ = "digits.py"

model = dict(
    _delete_=True,
    type="Quantized",
    model=_base_.model,
    quantization=dict(
        weight=dict(type="LSQ", bit_width=2, per_channel=True),
        activation=dict(type="LSQ", bit_width=2),
        first_last_bit_width=8,
    ),
    checkpoint="work_dirs/digits-cnn/epoch_100.pth",
)
custom_hooks = [*_base_.custom_hooks, dict(type="CalibrationHook")]
optim_wrapper = dict(
    optimizer=dict(lr=0.01),
    paramwise_cfg=dict(custom_keys={"_quantizer": dict(decay_mult=0.0, rho=0.0, rho_min=0.0)}),
)
