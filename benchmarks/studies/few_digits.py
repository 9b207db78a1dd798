"""Few digits with right labels, learned by heart."""

_base_ = "_base_/methods.py"
FEW, DIGITS = (f"benchmarks/studies/_base_/{name}.py" for name in ("few_digits", "digits"))
middle = "300 images"
others = dict(choices_of=middle, seeds=3, methods=_base_.around)
fewer = {"train_dataloader.dataset.dataset.per_class": 10}
all_of_them = {"train_dataloader.batch_size": 25, _base_.lr: 0.04}
lines = _base_.divided.small_batches
further = {rule: [{**lines[rule][2], _base_.lr: 0.08}] for rule in ("SAM", "BSAM", "cheap")}
tuned = {
    name: dict(tune=dict(lines=[*some, *further.get(name, [])])) for name, some in lines.items()
}
found = dict(rule="BSAM", settings=dict(rho=0.14, rho_min=0.14, **_base_.warmup))
methods = dict(tuned, found=found)
cells = [
    dict(name=middle, config=FEW),
    dict(name="100 images", config=FEW, options=fewer, **others),
    dict(name="1,000 images", config=DIGITS, options=all_of_them, **others),
]
validation = 0.3
tuning_seeds = 4
