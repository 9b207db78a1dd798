"""A pose network quantized by LSQ from a float model, at a tenth of its learning rate.

``--cfg-options float_config=FILE`` takes the network and all else from FILE, any float pose config
with any rule. Without it: HRNet-W32 on COCO where it is found, else a small one on the built-in
people.
"""

_base_ = ["./float-pose.py", "./lsq.py"]

float_config = "configs/pose/hrnet_adam.py"
custom_imports = dict(imports=["tasks.pose.register_all", "tasks.quantization.register_all"])
resolve = [
    *_base_.get("resolve", []),
    dict(type="float_checkpoint", epochs=_base_.train_cfg.max_epochs),
]
preflight = [
    *(entry for entry in _base_.get("preflight", []) if entry["type"] != "pretrained_backbone"),
    dict(type="prepare_float"),
]
model = dict(_base_.lsq.model, _delete_=True, model=_base_.model)
custom_hooks = [*_base_.get("custom_hooks", []), dict(type="CalibrationHook")]

train_cfg = dict(max_epochs=min(_base_.train_cfg.max_epochs // 2, 20))
param_scheduler = _base_.lsq.param_scheduler
optim_wrapper = dict(
    # All of the float model's but its rule: these configs have their own.
    {
        name: value
        for name, value in _base_.optim_wrapper.items()
        if name not in ("type", "rule", "rho", "rho_min")
    },
    _delete_=True,
    optimizer={
        "weight_decay": 0.0,
        **_base_.optim_wrapper.optimizer,
        "lr": _base_.optim_wrapper.optimizer.lr / 10,
    },
    paramwise_cfg={
        **_base_.optim_wrapper.get("paramwise_cfg", {}),
        "custom_keys": {
            **_base_.optim_wrapper.get("paramwise_cfg", {}).get("custom_keys", {}),
            **_base_.lsq.custom_keys,
        },
    },
)
