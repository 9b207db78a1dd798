"""PyramidNet-110 with BSAM on CIFAR-10, CIFAR-100 or a folder of images in ``data_root``."""

_base_ = "./pyramidnet110_sgd.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
