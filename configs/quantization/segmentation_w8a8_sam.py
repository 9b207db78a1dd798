"""A segmentation network with 8-bit weights and activations, trained with SAM."""

_base_ = "./segmentation_w8a8_adam.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
