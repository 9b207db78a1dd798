"""HRNet-W32 on COCO, MMPose's 210-epoch recipe, with SAM."""

_base_ = "./hrnet-w32_adam_coco-256x192.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
