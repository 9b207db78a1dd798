"""A segmentation network with 4-bit weights and activations, trained with SAM."""

_base_ = "./segmentation_w4a4_adam.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
