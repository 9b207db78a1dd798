"""Wrong labels that a ResNet with batch norm has the time to learn by heart: 1,000 digits."""

_base_ = "_base_/methods.py"
DIGITS = "benchmarks/studies/_base_/digits.py"
rate = "train_dataloader.dataset.rate"
options = {
    "model.net": dict(_delete_=True, type="CIFARResNet18", width=8),
    "train_dataloader.batch_size": 100,
}
middle = "40% wrong"
others = dict(config=DIGITS, choices_of=middle, seeds=3, methods=_base_.tuned)
cells = [
    dict(name=middle, config=DIGITS, options={rate: 0.4}),
    dict(name="20% wrong", options={rate: 0.2}, **others),
    dict(name="60% wrong", options={rate: 0.6}, **others),
]
