"""The digits 0 to 4 with plain SGD: makes the weights that ``transfer_*.py`` start from."""

_base_ = "./_base_/digits.py"

model = dict(num_classes=5)
train_dataloader = dict(dataset=dict(dataset=dict(digits=[0, 1, 2, 3, 4])))
val_dataloader = test_dataloader = dict(dataset=dict(digits=[0, 1, 2, 3, 4]))
train_cfg = dict(max_epochs=10)
