"""WideResNet-28-10 with SAM on CIFAR-10, CIFAR-100 or a folder of images in ``data_root``."""

_base_ = "./wrn28-10_sgd.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
