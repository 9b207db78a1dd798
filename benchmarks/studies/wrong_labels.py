"""Wrong labels that networks have the time to learn by heart: 1,000 digits, 100 epochs."""

_base_ = "_base_/methods.py"

DIGITS = "benchmarks/studies/_base_/digits.py"
networks = {
    "CNN": {},
    "ResNet": {"model.net": dict(_delete_=True, type="CIFARResNet18", width=8)},
}
rate = "train_dataloader.dataset.rate"
cells = [
    *(
        dict(name=f"{name}, 40% wrong", config=DIGITS, options={**net, rate: 0.4})
        for name, net in networks.items()
    ),
    *(
        dict(
            name=f"{name}, {round(100 * share)}% wrong",
            config=DIGITS,
            options={**net, rate: share},
            choices_of=f"{name}, 40% wrong",
            seeds=3,
        )
        for name, net in networks.items()
        for share in (0.2, 0.6)
    ),
]
