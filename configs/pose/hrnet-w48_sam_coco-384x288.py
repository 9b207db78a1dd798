"""HRNet-W48 at 384x288 on COCO with SAM."""

_base_ = "./hrnet-w48_adam_coco-384x288.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
