"""MobileNetV2 with 4-bit weights and activations, trained with SAM from a float model."""

_base_ = "./mobilenetv2_w4a4_sgd.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
