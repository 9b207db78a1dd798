"""Wrong labels that a CNN without batch norm has the time to learn by heart: 1,000 digits."""

_base_ = "_base_/methods.py"
DIGITS = "benchmarks/studies/_base_/digits.py"
rate = "train_dataloader.dataset.rate"
middle = "40% wrong"
others = dict(config=DIGITS, choices_of=middle, seeds=3, methods=_base_.around)
methods = dict(found=dict(rule="BSAM", settings=dict(rho=0.1, rho_min=0.1, **_base_.warmup)))
cells = [
    dict(name=middle, config=DIGITS, options={rate: 0.4}),
    dict(name="20% wrong", options={rate: 0.2}, **others),
    dict(name="60% wrong", options={rate: 0.6}, **others),
]
