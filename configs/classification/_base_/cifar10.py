"""CIFAR-10 as torchvision unpacks it, the 200 epochs of arXiv 2409.13173."""

_base_ = "./folder.py"

data_root = "data/cifar10"
model = dict(
    num_classes=10,
    data_preprocessor=dict(mean=[0.4914, 0.4822, 0.4465], std=[0.2470, 0.2435, 0.2616]),
)


def images(train):
    return dict(
        _delete_=True,
        type="TorchvisionDataset",
        name="CIFAR10",
        root=data_root,
        train=train,
        size=_base_.image_size,
    )


train_dataloader = dict(dataset=dict(dataset=images(train=True)))
val_dataloader = test_dataloader = dict(dataset=images(train=False))
