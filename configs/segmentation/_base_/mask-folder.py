"""Any folder of images and masks, as ``MaskFolder`` reads it, with PASCAL VOC's schedule."""

_base_ = [
    "mmseg::_base_/datasets/pascal_voc12.py",
    "mmseg::_base_/schedules/schedule_20k.py",
    "mmseg::_base_/default_runtime.py",
    "./own-data.py",
]
data_root = "data/masks"
num_classes = None  # as many as there are names in classes.txt


def masks(split, pipeline):
    return dict(
        _delete_=True, type="MaskFolder", data_root=data_root, split=split, pipeline=pipeline
    )


train_dataloader = dict(batch_size=16, dataset=masks("train", _base_.train_pipeline))
val_dataloader = test_dataloader = dict(dataset=masks("val", _base_.test_pipeline))
auto_scale_lr = dict(base_batch_size=16)
val_evaluator = test_evaluator = dict(type="MeanIoU")
