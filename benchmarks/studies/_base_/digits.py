"""1,000 digits at 8x8 pixels, tested on 797 others; a small CNN."""

_base_ = "../../../configs/classification/_base_/digits.py"

custom_imports = dict(
    imports=["tasks.classification.register_all", "tasks.quantization.register_all"]
)
image_size = 8
test_size = 797
model = dict(
    net=dict(type="SmallCNN"),
    label_smoothing=0.0,
    data_preprocessor=dict(crop_padding=0),
)
train_dataloader = dict(dataset=dict(dataset=dict(test_size=test_size)))
val_dataloader = test_dataloader = dict(dataset=dict(test_size=test_size))
train_cfg = dict(max_epochs=100, val_interval=10)
optim_wrapper = dict(optimizer=dict(weight_decay=5e-4))
default_hooks = dict(checkpoint=dict(interval=50), logger=dict(interval=1000))
