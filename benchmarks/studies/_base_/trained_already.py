"""The methods for networks that begin with trained weights: smaller learning rates and radii."""

_base_ = "methods.py"
lr, decay = "optim_wrapper.optimizer.lr", "optim_wrapper.optimizer.weight_decay"
plain = dict(
    lines=[
        *[{lr: value, decay: 2e-3} for value in (0.001, 0.003, 0.01, 0.03, 0.1)],
        *[{lr: 0.01, decay: value} for value in (5e-5, 5e-4, 1e-2, 5e-2, 1e-1)],
    ]
)
sam = dict(
    lines=[
        *[{lr: 0.01, decay: 2e-3, "rho": value} for value in (0.02, 0.05, 0.1, 0.2, 0.4)],
        *[{lr: value, decay: 2e-3, "rho": 0.1} for value in (0.001, 0.003, 0.03)],
        *[{lr: 0.01, decay: value, "rho": 0.1} for value in (5e-4, 1e-2)],
    ]
)
bsam = dict(
    lines=[
        {**values, "rho": values["rho"] / 2, "rho_min": values["rho"] / 2}
        for values in sam["lines"]
    ]
)
methods = dict(
    SGD=dict(tune=plain),
    longer=dict(tune=plain),
    averaged=dict(tune=plain),
    SAM=dict(tune=sam),
    BSAM=dict(tune=bsam),
    cheap=dict(tune=bsam),
)
