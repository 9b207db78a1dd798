"""ResNet-18 quantized by LSQ from a float model: 8-bit weights and activations."""

_base_ = ["../../classification/resnet18_sgd.py", "./lsq.py"]

float_config = "configs/classification/resnet18_sgd.py"
custom_imports = dict(
    imports=["tasks.classification.register_all", "tasks.quantization.register_all"]
)
resolve = [
    *_base_.resolve,
    dict(type="float_checkpoint", epochs=_base_.train_cfg.max_epochs),
]
preflight = [*_base_.preflight, dict(type="prepare_float")]
model = dict(_base_.lsq.model, _delete_=True, model=_base_.model)
custom_hooks = [*_base_.custom_hooks, dict(type="CalibrationHook")]

# Half as long as the float model; on ImageNet, the base of torchvision's network, as LSQ's paper,
# arXiv 1902.08153.
train_cfg = dict(
    max_epochs=90
    if _base_.model.net.type == "TorchvisionModel"
    else _base_.train_cfg.max_epochs // 2
)
param_scheduler = _base_.lsq.param_scheduler
optim_wrapper = dict(
    optimizer=dict(lr=0.01), paramwise_cfg=dict(custom_keys=_base_.lsq.custom_keys)
)
