"""A pose network with 4-bit weights and activations, trained with SAM from a float model."""

_base_ = "./pose_w4a4_adam.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
