"""ResNet-18 with plain SGD: on the images in ``data_root`` where it is given, else on digits."""

_base_ = "./_base_/digits.py"
replaced_by = [
    dict(option="data_root", holds="cifar-10-batches-py", config="./_base_/cifar10.py"),
    dict(option="data_root", holds="cifar-100-python", config="./_base_/cifar100.py"),
    dict(option="data_root", holds="train/n[01]???????", config="./_base_/imagenet.py"),
    dict(option="data_root", config="./_base_/folder.py"),
]
