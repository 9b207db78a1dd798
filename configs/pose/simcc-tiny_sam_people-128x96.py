"""The small SimCC network on the built-in people with SAM."""

_base_ = "./simcc-tiny_adam_people-128x96.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
