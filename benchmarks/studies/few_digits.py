"""Few digits with right labels, learned by heart."""

_base_ = "_base_/methods.py"
DIGITS = "benchmarks/studies/_base_/digits.py"


def few(per_class):
    digits = dict(type="Digits", split="train", size=8, test_size=797)
    few = dict(_delete_=True, type="FewShotSubset", per_class=per_class, dataset=digits)
    return {"train_dataloader.dataset.dataset": few, "train_dataloader.batch_size": 25}


middle = "300 images"
others = dict(config=DIGITS, choices_of=middle, seeds=3, methods=_base_.tuned)
cells = [
    dict(name=middle, config=DIGITS, options=few(30)),
    dict(name="100 images", options=few(10), **others),
    dict(name="1,000 images", **others),
]
