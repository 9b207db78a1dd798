"""Methods that a study of classifiers compares, six or seven trials of each, and what it measures.

The trials are a cross: two lines through a middle one. So no value that is chosen there is the
lowest or highest that was tried. ``found``, of each study, has the radius that
``tools/find_rho.py CONFIG --rule BSAM`` gives for the config of its middle cell, at the learning
rate and the decay of the config.
"""

lr, decay = "optim_wrapper.optimizer.lr", "optim_wrapper.optimizer.weight_decay"
decays = [
    *[(rate, 1e-2) for rate in (0.05, 0.1, 0.2)],
    *[(0.1, decay) for decay in (5e-4, 2e-3, 2e-2, 5e-2)],
]
radii = [(0.05, 0.05), (0.05, 0.1), (0.05, 0.2), (0.05, 0.4), (0.02, 0.1), (0.1, 0.1)]
sams = [*[(0.05, rho) for rho in (0.1, 0.2, 0.4, 0.8, 1.6)], (0.02, 0.4), (0.1, 0.4)]
plain = dict(cross=[{lr: a, decay: b} for a, b in decays])
both = dict(cross=[{lr: a, "rho": r, "rho_min": r} for a, r in radii])
warmup = {"optim_wrapper.rho_warmup": 150}
methods = dict(
    SGD=dict(tune=plain),
    longer=dict(epochs=3, tune=plain),
    averaged=dict(hooks=[dict(type="EMAHook", momentum=0.005)], tune=plain),
    SAM=dict(rule="SAM", settings=warmup, tune=dict(cross=[{lr: a, "rho": r} for a, r in sams])),
    BSAM=dict(rule="BSAM", settings=warmup, tune=both),
    cheap=dict(rule="BSAM", settings=dict(k=5, **warmup), tune=both),
    cheap_with_decay=dict(
        rule="BSAM", settings=dict(k=5, rho=0.05, rho_min=0.05, **warmup), choice_of="SGD"
    ),
    two_passes=dict(rule="BSAM", settings=dict(k=1, **warmup), choice_of="BSAM"),
    ASAM=dict(rule="ASAM", settings=dict(rho=1.0, **warmup), choice_of="SAM"),
    GSAM=dict(rule="GSAM", choice_of="SAM", settings=warmup),
    LookSAM=dict(rule="LookSAM", choice_of="SAM", settings=warmup),
)
tuned = [name for name, method in methods.items() if "tune" in method]
metric = "accuracy"
trials = 6
seeds = 5
flatness = dict(
    type="FlatnessHook",
    interval=None,
    samples=1000,
    measures=["loss", "one_step", "search", "eigenvalues", "trace"],
    settings=dict(rho=[0.05], forms=["plain", "adaptive"]),
)
hooks = [
    dict(type="FitHook"),
    flatness,
    dict(type="RobustnessHook"),
    dict(type="RoundingHook", batches=16),
]
