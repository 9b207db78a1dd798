"""The small fully convolutional network on the built-in people with SAM."""

_base_ = "./fcn-tiny_sgd_people-160x160.py"

optim_wrapper = dict(type="SAMOptimWrapper", rho=0.05)
