"""CIFAR-100 as torchvision unpacks it, the 200 epochs of arXiv 2409.13173."""

_base_ = "./cifar10.py"

data_root = "data/cifar100"
model = dict(
    num_classes=100,
    data_preprocessor=dict(mean=[0.5071, 0.4865, 0.4409], std=[0.2673, 0.2564, 0.2762]),
)
train_dataloader = dict(dataset=dict(dataset=dict(name="CIFAR100", root=data_root)))
val_dataloader = test_dataloader = dict(dataset=dict(name="CIFAR100", root=data_root))
