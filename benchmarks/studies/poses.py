"""Poses of 100 of the built-in people, long enough to learn them by heart; AP on 130 others."""

PEOPLE = "benchmarks/studies/_base_/people-96x64.py"
cells = [dict(name="100 people", config=PEOPLE)]
options = {
    "people.train": 75,  # pictures
    "people.val": 100,
    "train_cfg.max_epochs": 100,
    "train_cfg.val_interval": 25,
    "default_hooks.checkpoint.interval": 50,
    "default_hooks.logger.interval": 1000,
}
lr, decay = "optim_wrapper.optimizer.lr", "optim_wrapper.optimizer.weight_decay"
decays = [(0.003, 0.0), (0.01, 0.0), (0.03, 0.0), (0.01, 1e-5), (0.01, 1e-4), (0.01, 1e-3)]
radii = [(0.01, 0.02), (0.01, 0.05), (0.01, 0.1), (0.01, 0.2), (0.003, 0.05), (0.03, 0.05)]
plain = dict(cross=[{lr: a, decay: b} for a, b in decays])
both = dict(cross=[{lr: a, "rho": r, "rho_min": r} for a, r in radii])
warmup = {"optim_wrapper.rho_warmup": 80}
methods = dict(
    Adam=dict(tune=plain),
    longer=dict(epochs=3, tune=plain),
    averaged=dict(hooks=[dict(type="EMAHook", momentum=0.005)], tune=plain),
    SAM=dict(rule="SAM", settings=warmup, tune=dict(cross=[{lr: a, "rho": r} for a, r in radii])),
    BSAM=dict(rule="BSAM", settings=warmup, tune=both),
    cheap=dict(rule="BSAM", settings=dict(k=5, **warmup), tune=both),
    found=dict(rule="BSAM", settings=dict(rho=0.32, rho_min=0.32, **warmup)),
)
metric = "coco/AP"
trials = 6
seeds = 5
flatness = dict(
    type="FlatnessHook",
    interval=None,
    samples=64,
    measures=["loss", "one_step", "eigenvalues", "trace"],
)
hooks = [dict(type="FitHook"), flatness, dict(type="RobustnessHook")]
