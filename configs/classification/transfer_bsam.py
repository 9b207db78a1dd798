"""Fine-tune to other classes with BSAM: a ``data_root``, else digits; few labels."""

_base_ = "./transfer_sgd.py"

optim_wrapper = dict(type="BSAMOptimWrapper", rho=0.05, rho_min=0.05)
