"""Fine-tuning a network that knows the digits 0 to 4 to five images of each of the others.

python tools/train.py configs/classification/pretrain_digits-0-4.py
python tools/compare.py benchmarks/studies/fine_tuning.py ...

Methods are chosen by 250 other images: the few that are trained on would not tell them apart.
"""

_base_ = "_base_/methods.py"
TRANSFER = "benchmarks/studies/_base_/transfer.py"
middle = "5 images of a digit"
few = "train_dataloader.dataset.dataset.per_class"
others = dict(config=TRANSFER, choices_of=middle, seeds=3, methods=_base_.around)
tuned = {name: dict(tune=dict(lines=few)) for name, few in _base_.divided.trained_already.items()}
found = dict(rule="BSAM", settings=dict(rho=0.1, rho_min=0.1, **_base_.warmup))
methods = dict(tuned, found=found)
cells = [
    dict(name=middle, config=TRANSFER),
    dict(name="2 images of a digit", options={few: 2}, **others),
]
validation = {
    "val_dataloader.dataset": dict(
        _delete_=True,
        type="FewShotSubset",
        per_class=50,
        skip=5,
        dataset=dict(type="Digits", split="train", digits=[5, 6, 7, 8, 9], test_size=797, size=16),
    )
}
