"""Wrong labels that networks have the time to learn by heart: 1,000 digits, 100 epochs.

S=benchmarks/studies/wrong_labels.py R=benchmarks/records/wrong_labels
python tools/compare.py $S --jobs 2 --records $R
"""

DIGITS = "configs/classification/resnet18_sgd.py"
cnn = {"model.net.type": "SmallCNN", "model.net.width": 16}
resnet = {"model.net.width": 8}
rate = "train_dataloader.dataset.rate"
cells = [
    dict(name="CNN, 40% wrong", config=DIGITS, options={**cnn, rate: 0.4}),
    dict(name="ResNet, 40% wrong", config=DIGITS, options={**resnet, rate: 0.4}),
    *(
        dict(
            name=f"{name}, {round(100 * share)}% wrong",
            config=DIGITS,
            options={**net, rate: share},
            choices_of=f"{name}, 40% wrong",
            seeds=3,
        )
        for name, net in (("CNN", cnn), ("ResNet", resnet))
        for share in (0.2, 0.6)
    ),
]
options = {
    "image_size": 8,
    "train_dataloader.dataset.dataset.test_size": 797,
    "val_dataloader.dataset.test_size": 797,
    "test_dataloader.dataset.test_size": 797,
    "model.label_smoothing": 0.0,
    "model.data_preprocessor.crop_padding": 0,
    "optim_wrapper.optimizer.weight_decay": 5e-4,
    "train_cfg.max_epochs": 100,
    "train_cfg.val_interval": 10,
    "default_hooks.checkpoint.interval": 50,
    "default_hooks.logger.interval": 1000,
}

lr = {"optim_wrapper.optimizer.lr": [0.02, 0.05, 0.1]}
rates = {"optim_wrapper.optimizer.lr": [0.05, 0.1]}
decay = {"optim_wrapper.optimizer.weight_decay": [5e-4, 5e-3]}
radii = [dict(rho=r, rho_min=r) for r in (0.05, 0.1, 0.2)]
warmup = {"optim_wrapper.rho_warmup": 150}
methods = dict(
    SGD=dict(tune={**lr, **decay}),
    longer=dict(epochs=3, tune={**lr, **decay}),
    averaged=dict(hooks=[dict(type="EMAHook", momentum=0.005)], tune={**lr, **decay}),
    SAM=dict(rule="SAM", settings=warmup, tune=dict(rho=[0.1, 0.2, 0.4], **rates)),
    BSAM=dict(rule="BSAM", settings=warmup, tune=dict(radius=radii, **rates)),
    cheap=dict(rule="BSAM", settings=dict(k=5, **warmup), tune=dict(radius=radii, **rates)),
)
metric = "accuracy"
trials = 6
seeds = 5
hooks = [dict(type="FitHook")]
