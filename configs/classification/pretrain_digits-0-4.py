"""The digits 0 to 4 with plain SGD: makes the weights that ``transfer_*.py`` start from."""

_base_ = "./_base_/digits.py"

from bsam_suite.engine.config import cfg_option

digits = [0, 1, 2, 3, 4]
model = dict(num_classes=5)
train_dataloader = dict(dataset=dict(dataset=dict(digits=digits)))
val_dataloader = dict(dataset=dict(digits=digits))
test_dataloader = val_dataloader

epochs = cfg_option("train_cfg.max_epochs", 10)
train_cfg = dict(max_epochs=epochs)
param_scheduler = [dict(type="CosineAnnealingLR", end=epochs, convert_to_iter_based=True)]

del digits, epochs  # no options of the command line
