"""PASCAL VOC 2012, 20,000 iterations; or what is in ``data_root`` instead."""

_base_ = [
    "mmseg::_base_/datasets/pascal_voc12.py",
    "mmseg::_base_/schedules/schedule_20k.py",
    "mmseg::_base_/default_runtime.py",
    "./own-data.py",
]
replaced_by = [
    dict(option="data_root", holds="leftImg8bit", config="./cityscapes.py"),
    dict(option="data_root", holds="masks", config="./mask-folder.py"),
]
num_classes = 21
train_dataloader = dict(batch_size=16)  # 4 on each of MMSegmentation's 4 GPUs
auto_scale_lr = dict(base_batch_size=16)
val_evaluator = test_evaluator = dict(type="MeanIoU")
