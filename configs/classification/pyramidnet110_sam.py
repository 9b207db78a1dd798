"""PyramidNet-110 with SAM on CIFAR-10, CIFAR-100 or a folder of images in ``data_root``."""

_base_ = "./pyramidnet110_sgd.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
