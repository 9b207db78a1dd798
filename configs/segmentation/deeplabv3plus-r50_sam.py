"""DeepLabV3+ with ResNet-50 with SAM."""

_base_ = "./deeplabv3plus-r50_sgd.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
