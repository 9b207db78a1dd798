"""The small fully convolutional network on the built-in people with SAM."""

_base_ = "./fcn-tiny_adam_people-128x128.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
