"""SegFormer-B0 with BSAM."""

_base_ = "./segformer-b0_adamw.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
