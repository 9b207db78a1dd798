"""4,000 images of CIFAR-10 at 16x16 pixels in ``data/cifar10-4000``, tested on 2,000 others."""

_base_ = "../../../configs/classification/_base_/folder.py"

custom_imports = dict(
    imports=["tasks.classification.register_all", "tasks.quantization.register_all"]
)
data_root = "data/cifar10-4000"
image_size = 16
model = dict(
    net=dict(_delete_=True, type="SmallCNN", width=16, batch_norm=True, size=16),
    label_smoothing=0.0,
    data_preprocessor=dict(crop_padding=0, flip=False, cutout=0),
)


def images(split):
    return dict(type="InMemoryImageFolder", data_root=data_root, split=split, size=image_size)


train_dataloader = dict(batch_size=100, dataset=dict(dataset=images("train")))
val_dataloader = test_dataloader = dict(batch_size=500, dataset=images("val"))
train_cfg = dict(max_epochs=50, val_interval=5)
optim_wrapper = dict(optimizer=dict(weight_decay=5e-4))
auto_scale_lr = dict(base_batch_size=100)
default_hooks = dict(checkpoint=dict(interval=25), logger=dict(interval=1000))
