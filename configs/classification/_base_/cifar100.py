"""CIFAR-100 as torchvision unpacks it, the 200 epochs of arXiv 2409.13173."""

_base_ = "./folder.py"

data_root = "data/cifar100"
source = dict(type="TorchvisionDataset", name="CIFAR100", root=data_root, size=_base_.image_size)
model = dict(
    num_classes=100,
    data_preprocessor=dict(mean=[0.5071, 0.4865, 0.4409], std=[0.2673, 0.2564, 0.2762]),
)
train_dataloader = dict(dataset=dict(dataset=dict(_delete_=True, **source, train=True)))
val_dataloader = dict(dataset=dict(_delete_=True, **source, train=False))
test_dataloader = val_dataloader

del source  # no options of the command line
