"""WideResNet-28-10 with plain SGD on CIFAR-10, CIFAR-100 or a folder of images in ``data_root``."""

_base_ = __import__("tasks.classification.choose", fromlist=["data"]).data(
    built_in="cifar10", imagenet="folder"
)

model = dict(net=dict(_delete_=True, type="WideResNet", depth=28, width=10))
