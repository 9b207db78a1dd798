"""ResNet-18 with SAM: on the images in ``data_root`` where it is given, else on digits."""

_base_ = "./resnet18_sgd.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
