"""The small fully convolutional network on the built-in people with BSAM."""

_base_ = "./fcn-tiny_sgd_people-160x160.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
