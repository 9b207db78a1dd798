"""CIFAR-10 as torchvision unpacks it, the 200 epochs of arXiv 2409.13173."""

_base_ = "./folder.py"

data_root = "data/cifar10"
source = dict(type="TorchvisionDataset", name="CIFAR10", root=data_root, size=_base_.image_size)
model = dict(
    num_classes=10,
    data_preprocessor=dict(mean=[0.4914, 0.4822, 0.4465], std=[0.2470, 0.2435, 0.2616]),
)
train_dataloader = dict(dataset=dict(dataset=dict(_delete_=True, **source, train=True)))
val_dataloader = dict(dataset=dict(_delete_=True, **source, train=False))
test_dataloader = val_dataloader

del source  # no options of the command line
