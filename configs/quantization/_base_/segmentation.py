"""The small FCN on the built-in people, quantized by LSQ from a float model in half its epochs."""

_base_ = ["../../segmentation/fcn-tiny_adam_people-128x128.py", "./lsq.py"]

float_config = "configs/segmentation/fcn-tiny_adam_people-128x128.py"
custom_imports = dict(
    imports=["tasks.segmentation.register_all", "tasks.quantization.register_all"]
)
resolve = [
    *_base_.resolve,
    dict(type="float_checkpoint", epochs=_base_.train_cfg.max_epochs),
]
preflight = [*_base_.preflight, dict(type="prepare_float")]
model = dict(_base_.lsq.model, _delete_=True, model=_base_.model)
custom_hooks = [*_base_.custom_hooks, dict(type="CalibrationHook")]
train_cfg = dict(max_epochs=_base_.train_cfg.max_epochs // 2)
param_scheduler = _base_.lsq.param_scheduler
optim_wrapper = dict(
    optimizer=dict(lr=_base_.optim_wrapper.optimizer.lr / 10, weight_decay=0.0),
    paramwise_cfg=dict(custom_keys=_base_.lsq.custom_keys),
)
