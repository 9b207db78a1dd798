"""FCN with ResNet-18 with SAM."""

_base_ = "./fcn-r18_sgd.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
