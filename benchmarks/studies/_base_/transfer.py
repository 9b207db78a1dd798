"""Five images of each of the digits 5 to 9, for a network that knows the digits 0 to 4."""

_base_ = "../../../configs/classification/_base_/digits-5-9.py"

custom_imports = dict(
    imports=["tasks.classification.register_all", "tasks.quantization.register_all"]
)
test_size = 797
model = dict(label_smoothing=0.0)
train_dataloader = dict(dataset=dict(dataset=dict(dataset=dict(test_size=test_size))))
val_dataloader = test_dataloader = dict(dataset=dict(test_size=test_size))
train_cfg = dict(max_epochs=200, val_interval=20)
optim_wrapper = dict(optimizer=dict(weight_decay=5e-4))
default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=1000))
