"""The methods for networks that begin with trained weights: smaller learning rates."""

_base_ = "methods.py"
lr, decay = "optim_wrapper.optimizer.lr", "optim_wrapper.optimizer.weight_decay"
decays = [
    *[(rate, 5e-4) for rate in (0.003, 0.01, 0.03)],
    *[(0.01, decay) for decay in (5e-5, 5e-3, 2e-2)],
]
radii = [(0.01, 0.02), (0.01, 0.05), (0.01, 0.1), (0.01, 0.2), (0.003, 0.05), (0.03, 0.05)]
sams = [*[(0.01, rho) for rho in (0.02, 0.05, 0.1, 0.2, 0.4)], (0.003, 0.1), (0.03, 0.1)]
plain = dict(cross=[{lr: a, decay: b} for a, b in decays])
both = dict(cross=[{lr: a, "rho": r, "rho_min": r} for a, r in radii])
methods = dict(
    SGD=dict(tune=plain),
    longer=dict(tune=plain),
    averaged=dict(tune=plain),
    SAM=dict(tune=dict(cross=[{lr: a, "rho": r} for a, r in sams])),
    BSAM=dict(tune=both),
    cheap=dict(tune=both),
)
