"""WideResNet-28-10 with plain SGD on CIFAR-10, CIFAR-100 or a folder of images in ``data_root``."""

_base_ = "./_base_/small-images.py"

model = dict(net=dict(_delete_=True, type="WideResNet", depth=28, width=10))
