"""A folder of images (``--cfg-options data_root=DIR``), the 200 epochs of arXiv 2409.13173.

``image_size=SIDE`` cuts all images to one square size; without it they have to be of one size.
"""

_base_ = "./in-memory.py"
resolve = [*_base_.resolve, dict(type="count_classes")]

data_root = "data/images"
image_size = None
model = dict(
    num_classes=None,  # as many as there are folders
    data_preprocessor=dict(
        mean=[0.485, 0.456, 0.406],  # ImageNet's
        std=[0.229, 0.224, 0.225],
        crop_padding=4,
        flip=True,
        cutout=16,
    ),
)


def images(split):
    return dict(type="InMemoryImageFolder", data_root=data_root, split=split, size=image_size)


train_dataloader = dict(batch_size=128, dataset=dict(dataset=images("train")))
val_dataloader = dict(batch_size=500, dataset=images("val"))
test_dataloader = dict(batch_size=500, dataset=images("test"))
train_cfg = dict(max_epochs=200)
auto_scale_lr = dict(base_batch_size=128)
env_cfg = dict(cudnn_benchmark=True)
default_hooks = dict(logger=dict(interval=50))
