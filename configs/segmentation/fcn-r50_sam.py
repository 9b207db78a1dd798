"""FCN with ResNet-50 with SAM."""

_base_ = "./fcn-r50_sgd.py"

optim_wrapper = dict(type="SAMOptimWrapper", rho=0.05)
