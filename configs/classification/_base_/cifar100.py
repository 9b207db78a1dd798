"""CIFAR-100 as torchvision unpacks it, the 200 epochs of arXiv 2409.13173."""

_base_ = "./folder.py"

data_root = "data/cifar100"
model = dict(
    num_classes=100,
    data_preprocessor=dict(mean=[0.5071, 0.4865, 0.4409], std=[0.2673, 0.2564, 0.2762]),
)


def images(train):
    return dict(
        _delete_=True,
        type="TorchvisionDataset",
        name="CIFAR100",
        root=data_root,
        train=train,
        size=_base_.image_size,
    )


train_dataloader = dict(dataset=dict(dataset=images(train=True)))
val_dataloader = test_dataloader = dict(dataset=images(train=False))
