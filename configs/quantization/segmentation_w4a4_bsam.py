"""A segmentation network with 4-bit weights and activations, trained with BSAM."""

_base_ = "./segmentation_w4a4_adam.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
