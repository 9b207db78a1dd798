"""HRNet quantized by LSQ from a float model, at a tenth of its learning rate."""

_base_ = "../../pose/hrnet_adam.py"

from bsam_suite.engine.config import cfg_option
from tasks.quantization.recipe import STEP_SIZES

custom_imports = dict(imports=["tasks.pose.parts", "tasks.quantization.parts"])
preflight = [
    *(p for p in _base_.preflight if p["type"] != "pretrained_backbone"),  # noqa: F821
    dict(type="prepare_float", config="configs/pose/hrnet_adam.py"),
]
built_in = "people" in _base_  # noqa: F821
model = dict(
    _delete_=True,
    type="Quantized",
    model=_base_.model,  # noqa: F821
    checkpoint="work_dirs/float/hrnet-tiny_people/epoch_8.pth" if built_in else None,
)
custom_hooks = [*_base_.custom_hooks, dict(type="CalibrationHook")]  # noqa: F821

epochs = cfg_option("train_cfg.max_epochs", 4 if built_in else 20)
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type="CosineAnnealingLR", end=epochs, convert_to_iter_based=True)]
optim_wrapper = dict(
    optimizer=dict(lr=_base_.optim_wrapper.optimizer.lr / 10, weight_decay=0.0),  # noqa: F821
    paramwise_cfg=STEP_SIZES,
)

del built_in, cfg_option, epochs  # no options of the command line
