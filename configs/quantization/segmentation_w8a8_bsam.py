"""A segmentation network with 8-bit weights and activations, trained with BSAM."""

_base_ = "./segmentation_w8a8_adam.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
