"""HRNet with 4-bit weights and activations, trained with SAM from a float model."""

_base_ = "./hrnet_w4a4_adam.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
