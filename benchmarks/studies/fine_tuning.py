"""Fine-tuning a network that knows the digits 0 to 4 to five images of each of the others.

python tools/train.py configs/classification/pretrain_digits-0-4.py
python tools/compare.py benchmarks/studies/fine_tuning.py ...
"""

_base_ = "_base_/methods.py"
TRANSFER = "benchmarks/studies/_base_/transfer.py"
middle = "5 images of a digit"
cells = [
    dict(name=middle, config=TRANSFER),
    dict(
        name="10 images of a digit",
        config=TRANSFER,
        options={"train_dataloader.dataset.dataset.per_class": 10},
        choices_of=middle,
        seeds=3,
        methods=_base_.tuned,
    ),
]
