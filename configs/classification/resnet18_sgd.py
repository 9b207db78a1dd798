"""ResNet-18 with plain SGD: on the images in ``data_root`` where it is given, else on digits."""

_base_ = __import__("tasks.classification.choose", fromlist=["data"]).data()
