"""Fine-tuning a network that knows the digits 0 to 4 to 20 images of each of the others.

python tools/train.py configs/classification/pretrain_digits-0-4.py
python tools/compare.py benchmarks/studies/fine_tuning.py ...
"""

_base_ = "_base_/methods.py"
TRANSFER = "benchmarks/studies/_base_/transfer.py"
middle = "20 images of a digit"
few = "train_dataloader.dataset.dataset.per_class"
others = dict(config=TRANSFER, choices_of=middle, seeds=3, methods=_base_.around)
tuned = {name: dict(tune=dict(lines=few)) for name, few in _base_.divided.trained_already.items()}
found = dict(rule="BSAM", settings=dict(rho=0.1, rho_min=0.1, **_base_.warmup))
methods = dict(tuned, found=found)
cells = [
    dict(name=middle, config=TRANSFER, options={few: 20}),
    dict(name="5 images of a digit", options={few: 5}, **others),
]
validation = 0.3
