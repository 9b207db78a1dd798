"""Fine-tune a network that knows the digits 0 to 4 to the digits 5 to 9 with five labels each."""

_base_ = "./digits.py"

from bsam_suite.engine.config import cfg_option

preflight = [
    dict(type="check_images"),
    dict(type="check_transfer", pretrain="configs/classification/pretrain_digits-0-4.py"),
]
digits = [5, 6, 7, 8, 9]
model = dict(num_classes=5, transfer_from="work_dirs/pretrain_digits-0-4/epoch_10.pth")
train_dataloader = dict(
    batch_size=10,
    dataset=dict(
        _delete_=True,
        type="LabelNoise",
        rate=0.0,
        dataset=dict(
            type="FewShotSubset",
            per_class=5,
            dataset=dict(
                type="Digits",
                split="train",
                digits=digits,
                size=_base_.image_size,  # noqa: F821
            ),
        ),
    ),
)
val_dataloader = dict(dataset=dict(digits=digits))
test_dataloader = val_dataloader

epochs = cfg_option("train_cfg.max_epochs", 40)
train_cfg = dict(max_epochs=epochs, val_interval=10)
optim_wrapper = dict(optimizer=dict(lr=0.01))
param_scheduler = [dict(type="CosineAnnealingLR", end=epochs, convert_to_iter_based=True)]

del digits, epochs  # no options of the command line
