"""The small fully convolutional network on the built-in people with BSAM."""

_base_ = "./fcn-tiny_adam_people-128x128.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
