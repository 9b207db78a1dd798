"""MobileNetV2 with 3-bit weights and activations, trained with SAM from a float model."""

_base_ = "./mobilenetv2_w3a3_sgd.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
