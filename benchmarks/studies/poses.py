"""Poses of 64 of the built-in people, long enough to learn them by heart; AP on 200 others."""

PEOPLE = "benchmarks/studies/_base_/people-96x64.py"
cells = [dict(name="64 people", config=PEOPLE)]
options = {
    "people.train": 48,  # pictures
    "people.val": 150,
    "train_cfg.max_epochs": 200,
    "train_cfg.val_interval": 20,
    "default_hooks.checkpoint.interval": 100,
    "default_hooks.logger.interval": 1000,
}
lr = "optim_wrapper.optimizer.lr"
plain = {lr: [2e-3, 5e-3, 2e-2], "optim_wrapper.optimizer.weight_decay": [0.0, 1e-4]}
rates = {lr: [5e-3, 2e-2]}
radii = [dict(rho=r, rho_min=r) for r in (0.02, 0.05, 0.1)]
warmup = {"optim_wrapper.rho_warmup": 80}
methods = dict(
    Adam=dict(tune=plain),
    longer=dict(epochs=3, tune=plain),
    averaged=dict(hooks=[dict(type="EMAHook", momentum=0.005)], tune=plain),
    SAM=dict(rule="SAM", settings=warmup, tune=dict(rho=[0.02, 0.05, 0.1], **rates)),
    BSAM=dict(rule="BSAM", settings=warmup, tune=dict(radius=radii, **rates)),
    cheap=dict(rule="BSAM", settings=dict(k=5, **warmup), tune=dict(radius=radii, **rates)),
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
