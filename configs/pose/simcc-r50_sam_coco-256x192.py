"""SimCC with ResNet-50 at 256x192 on COCO with SAM."""

_base_ = "./simcc-r50_adam_coco-256x192.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
