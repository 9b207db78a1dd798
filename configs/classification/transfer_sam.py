"""Fine-tune to other classes with SAM: a ``data_root``, else digits; few labels."""

_base_ = "./transfer_sgd.py"

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
