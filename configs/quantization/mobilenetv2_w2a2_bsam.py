"""MobileNetV2 with 2-bit weights and activations, trained with BSAM from a float model."""

_base_ = "./mobilenetv2_w2a2_sgd.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
