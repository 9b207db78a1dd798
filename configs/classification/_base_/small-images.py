"""CIFAR-10, or what lies in ``data_root``, for networks of small images."""

_base_ = "./cifar10.py"
replaced_by = [
    dict(option="data_root", holds="cifar-10-batches-py", config="./cifar10.py"),
    dict(option="data_root", holds="cifar-100-python", config="./cifar100.py"),
    dict(option="data_root", config="./folder.py"),
]
