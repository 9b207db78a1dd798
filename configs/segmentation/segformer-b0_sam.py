"""SegFormer-B0 with SAM."""

_base_ = "./segformer-b0_adamw.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
