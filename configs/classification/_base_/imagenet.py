"""ImageNet, or some of its classes, as folders: ResNet-18 by torchvision's references.

Those have trained torchvision's own weights, 69.76%: batches of 256, 90 epochs, a learning rate of
0.1 that falls tenfold after each third. ``image_size=SIDE`` takes images of another size than 224.
"""

_base_ = "./folder.py"

data_root = "data/imagenet"
image_size = 224
model = dict(
    net=dict(_delete_=True, type="TorchvisionModel", name="resnet18"),
    label_smoothing=0.0,
    data_preprocessor=dict(crop_padding=0, flip=False, cutout=0),  # the data set augments
)


def images(split, **more):
    return dict(
        _delete_=True,
        type="LazyImageFolder",
        data_root=data_root,
        split=split,
        size=image_size,
        **more,
    )


train_dataloader = dict(
    batch_size=256, num_workers=8, dataset=dict(dataset=images("train", augment=True))
)
val_dataloader = dict(num_workers=8, persistent_workers=True, dataset=images("val"))
test_dataloader = dict(num_workers=8, dataset=images("test"))

train_cfg = dict(max_epochs=90, val_interval=1)
optim_wrapper = dict(optimizer=dict(lr=0.1, weight_decay=1e-4))
param_scheduler = [dict(type="EvenStepLR", steps=3, gamma=0.1)]
auto_scale_lr = dict(base_batch_size=256)
default_hooks = dict(checkpoint=dict(interval=1))
