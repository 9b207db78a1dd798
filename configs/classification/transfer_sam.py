"""Fine-tune to other classes with SAM: a ``data_root``, else digits; few labels."""

_base_ = __import__("tasks.classification.choose", fromlist=["data"]).data(
    built_in="digits-5-9", folder="folder-transfer"
)

optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.05))
