"""PyramidNet-110 with plain SGD on CIFAR-10, CIFAR-100 or a folder of images in ``data_root``."""

_base_ = "./_base_/small-images.py"

model = dict(net=dict(_delete_=True, type="PyramidNet", depth=110, alpha=270))
