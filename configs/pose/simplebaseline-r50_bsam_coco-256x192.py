"""SimpleBaseline with ResNet-50 at 256x192 on COCO with BSAM."""

_base_ = "./simplebaseline-r50_adam_coco-256x192.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
