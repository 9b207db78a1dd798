"""Cityscapes, 80,000 iterations."""

_base_ = [
    "mmseg::_base_/datasets/cityscapes.py",
    "mmseg::_base_/schedules/schedule_80k.py",
    "mmseg::_base_/default_runtime.py",
    "./own-data.py",
]
num_classes = 19
train_dataloader = dict(batch_size=8)  # 2 on each of MMSegmentation's 4 GPUs
auto_scale_lr = dict(base_batch_size=8)
val_evaluator = test_evaluator = dict(type="MeanIoU")
