"""Methods that a study of classifiers compares, ten or eleven trials of each, and what it measures.

The trials lie on lines through a middle one. ``found``, of each study, has the radius that
``tools/find_rho.py CONFIG --rule BSAM`` gives for the config of its middle cell; ``config`` and
``found`` take everything else from there. Neither is tuned.
"""

lr, decay = "optim_wrapper.optimizer.lr", "optim_wrapper.optimizer.weight_decay"
plain = dict(
    lines=[
        *[{lr: value, decay: 1e-2} for value in (0.02, 0.05, 0.1, 0.2, 0.4)],
        *[{lr: 0.1, decay: value} for value in (5e-4, 2e-3, 2e-2, 5e-2, 1e-1)],
    ]
)
sam = dict(
    lines=[
        *[{lr: 0.05, decay: 5e-3, "rho": value} for value in (0.1, 0.2, 0.4, 0.8, 1.6)],
        *[{lr: value, decay: 5e-3, "rho": 0.4} for value in (0.005, 0.01, 0.02, 0.1)],
        *[{lr: 0.05, decay: value, "rho": 0.4} for value in (5e-4, 2e-2)],
    ]
)
bsam = dict(
    lines=[
        {**values, "rho": values["rho"] / 2, "rho_min": values["rho"] / 2}
        for values in sam["lines"]
    ]
)
warmup = {"optim_wrapper.rho_warmup": 150}
cheaply = dict(k=5, **warmup)
methods = dict(
    SGD=dict(tune=plain),
    config=dict(),
    longer=dict(epochs=3, tune=plain),
    averaged=dict(hooks=[dict(type="EMAHook", momentum=0.005)], tune=plain),
    SAM=dict(rule="SAM", settings=warmup, tune=sam),
    BSAM=dict(rule="BSAM", settings=warmup, tune=bsam),
    cheap=dict(rule="BSAM", settings=cheaply, tune=bsam),
    two_passes=dict(rule="BSAM", settings=dict(k=1, **warmup), choice_of="BSAM"),
    ASAM=dict(rule="ASAM", settings=dict(rho=1.0, **warmup), choice_of="SAM"),
    GSAM=dict(rule="GSAM", settings=warmup, choice_of="SAM"),
    LookSAM=dict(rule="LookSAM", settings=warmup, choice_of="SAM"),
)
# The same trials elsewhere: learning rates and radii divided.
divided = {
    place: {
        name: [{key: value / by.get(key, 1) for key, value in one.items()} for one in lines]
        for name, lines in [(n, m["tune"]["lines"]) for n, m in methods.items() if "tune" in m]
    }
    for place, by in dict(
        trained_already={lr: 10, "rho": 4, "rho_min": 4},
        small_batches={lr: 2.5, "rho": 2, "rho_min": 2},
    ).items()
}
around = ["SGD", "config", "longer", "averaged", "SAM", "BSAM", "cheap"]
metric = "accuracy"
trials = 10
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
