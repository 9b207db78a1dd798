"""DeepLabV3+ with ResNet-18 with BSAM."""

_base_ = "./deeplabv3plus-r18_sgd.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
