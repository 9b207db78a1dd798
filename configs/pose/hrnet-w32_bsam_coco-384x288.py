"""HRNet-W32 at 384x288 on COCO with BSAM."""

_base_ = "./hrnet-w32_adam_coco-384x288.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
