"""ResNet-18 quantized by LSQ from a float model: 8-bit weights and activations."""

_base_ = "../../classification/resnet18_sgd.py"

float_config = "configs/classification/resnet18_sgd.py"
custom_imports = dict(
    imports=["tasks.classification.register_all", "tasks.quantization.register_all"]
)
resolve = [
    *_base_.resolve,
    dict(type="float_checkpoint", epochs=_base_.train_cfg.max_epochs),
]
preflight = [*_base_.preflight, dict(type="prepare_float")]
model = dict(
    _delete_=True,
    type="Quantized",
    model=_base_.model,
    quantization=dict(
        weight=dict(type="LSQ", bit_width=8, per_channel=True),
        activation=dict(type="LSQ", bit_width=8),
        first_last_bit_width=8,
    ),
    checkpoint=None,
)
custom_hooks = [*_base_.custom_hooks, dict(type="CalibrationHook")]

# Half as long as the float model; on ImageNet, the base of torchvision's network, as LSQ's paper,
# arXiv 1902.08153.
train_cfg = dict(
    max_epochs=90
    if _base_.model.net.type == "TorchvisionModel"
    else _base_.train_cfg.max_epochs // 2
)
param_scheduler = [dict(type="CosineAnnealingLR", convert_to_iter_based=True)]
optim_wrapper = dict(
    optimizer=dict(lr=0.01),
    # Step sizes are learned without weight decay, and sharpness-aware rules leave them in place.
    paramwise_cfg=dict(custom_keys={"_quantizer": dict(decay_mult=0.0, rho=0.0, rho_min=0.0)}),
)
