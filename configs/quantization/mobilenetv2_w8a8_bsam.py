"""MobileNetV2 with 8-bit weights and activations, trained with BSAM from a float model."""

_base_ = "./mobilenetv2_w8a8_sgd.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
