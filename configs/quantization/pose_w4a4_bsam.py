"""A pose network with 4-bit weights and activations, trained with BSAM from a float model."""

_base_ = "./pose_w4a4_adam.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
