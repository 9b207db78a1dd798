"""Methods that a study of classifiers compares, each with six trials, and what it measures."""

lr = "optim_wrapper.optimizer.lr"
plain = {lr: [0.02, 0.05, 0.1], "optim_wrapper.optimizer.weight_decay": [5e-4, 5e-3]}
rates = {lr: [0.05, 0.1]}
radii = [dict(rho=r, rho_min=r) for r in (0.05, 0.1, 0.2)]
warmup = {"optim_wrapper.rho_warmup": 150}
methods = dict(
    SGD=dict(tune=plain),
    longer=dict(epochs=3, tune=plain),
    averaged=dict(hooks=[dict(type="EMAHook", momentum=0.005)], tune=plain),
    SAM=dict(rule="SAM", settings=warmup, tune=dict(rho=[0.1, 0.2, 0.4], **rates)),
    BSAM=dict(rule="BSAM", settings=warmup, tune=dict(radius=radii, **rates)),
    cheap=dict(rule="BSAM", settings=dict(k=5, **warmup), tune=dict(radius=radii, **rates)),
)
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
