"""scikit-learn's digits with a narrow ResNet-18: a run of one or two minutes on two cores.

``image_size=SIDE`` shows them at another size than 16 pixels; their own is 8.
"""

_base_ = "./in-memory.py"

image_size = 16
model = dict(
    net=dict(width=16),
    num_classes=10,
    data_preprocessor=dict(mean=[0.305] * 3, std=[0.332] * 3, crop_padding=2),
)
train_dataloader = dict(
    batch_size=64, dataset=dict(dataset=dict(type="Digits", split="train", size=image_size))
)
val_dataloader = test_dataloader = dict(
    batch_size=256, dataset=dict(type="Digits", split="test", size=image_size)
)
train_cfg = dict(max_epochs=30)
auto_scale_lr = dict(base_batch_size=64)
default_hooks = dict(logger=dict(interval=10))
