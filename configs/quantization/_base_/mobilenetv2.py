"""MobileNetV2 quantized by LSQ from a float model."""

_base_ = "../../classification/mobilenetv2_sgd.py"

from bsam_suite.engine.config import cfg_option
from tasks.quantization.recipe import STEP_SIZES, float_checkpoint, schedule

custom_imports = dict(imports=["tasks.classification.parts", "tasks.quantization.parts"])
preflight = [
    *_base_.preflight,  # noqa: F821
    dict(type="prepare_float", config="configs/classification/mobilenetv2_sgd.py"),
]
model = dict(
    _delete_=True,
    type="Quantized",
    model=_base_.model,  # noqa: F821
    checkpoint=float_checkpoint("work_dirs/float/mobilenetv2_digits/epoch_30.pth"),
)
custom_hooks = [*_base_.custom_hooks, dict(type="CalibrationHook")]  # noqa: F821

epochs, lr = schedule(_base_)  # noqa: F821
epochs = cfg_option("train_cfg.max_epochs", epochs)
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type="CosineAnnealingLR", end=epochs, convert_to_iter_based=True)]
optim_wrapper = dict(optimizer=dict(lr=lr), paramwise_cfg=STEP_SIZES)

del STEP_SIZES, cfg_option, epochs, lr  # no options of the command line
