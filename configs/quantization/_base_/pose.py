"""A pose network quantized by LSQ from a float model, at a tenth of its learning rate.

``--cfg-options float_config=FILE`` takes the network and all else from FILE, any float pose config
with any rule. Without it: HRNet-W32 on COCO where it is found, else a small one on the built-in
people.
"""

_base_ = __import__("tasks.quantization.recipe", fromlist=["recipe"]).float_config(
    "configs/pose/hrnet_adam.py"
)

from pathlib import Path

from bsam_suite.engine.config import cfg_option
from tasks.quantization.recipe import STEP_SIZES
from tasks.quantization.recipe import float_config as chosen

float_config = chosen("configs/pose/hrnet_adam.py")
custom_imports = dict(imports=["tasks.pose.register_all", "tasks.quantization.register_all"])
preflight = [
    *(p for p in _base_.preflight if p["type"] != "pretrained_backbone"),  # noqa: F821
    dict(type="prepare_float", config=float_config),
]
built_in = any(p["type"] == "prepare_people" for p in _base_.preflight)  # noqa: F821
made = f"work_dirs/float/{Path(float_config).stem}/epoch_{_base_.train_cfg.max_epochs}.pth"  # noqa: F821
model = dict(
    _delete_=True,
    type="Quantized",
    model=_base_.model,  # noqa: F821
    checkpoint=made if built_in else None,
)
custom_hooks = [*_base_.custom_hooks, dict(type="CalibrationHook")]  # noqa: F821

epochs = cfg_option("train_cfg.max_epochs", 4 if built_in else 20)
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type="CosineAnnealingLR", end=epochs, convert_to_iter_based=True)]
rule = ("type", "rule", "rho", "rho_min")  # the float model's; these configs have their own
plain = {k: v for k, v in _base_.optim_wrapper.items() if k not in rule}  # noqa: F821
paramwise = plain.get("paramwise_cfg", {})
optim_wrapper = plain | dict(
    _delete_=True,
    optimizer={"weight_decay": 0.0, **plain["optimizer"], "lr": plain["optimizer"].lr / 10},
    paramwise_cfg={
        **paramwise,
        "custom_keys": {**paramwise.get("custom_keys", {}), **STEP_SIZES["custom_keys"]},
    },
)

del (
    STEP_SIZES,
    Path,
    built_in,
    epochs,
    made,
    paramwise,
    plain,
    rule,
)  # no options of the command line
