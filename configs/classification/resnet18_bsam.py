"""ResNet-18 with BSAM: on the images in ``data_root`` where it is given, else on digits."""

_base_ = "./resnet18_sgd.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
