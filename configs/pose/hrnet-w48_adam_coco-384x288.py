"""HRNet-W48 at 384x288 on COCO with MMPose's 210 epochs of Adam."""

_base_ = [
    "mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w48_8xb32-210e_coco-384x288.py",
    "./_base_/coco.py",
]

train_pipeline = [
    dict(step, type=_base_.coco.own.get(step["type"], step["type"]))
    for step in _base_.train_pipeline
]
train_dataloader = dict(**_base_.coco.train_dataloader, dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = _base_.coco.val_dataloader
custom_hooks = _base_.coco.custom_hooks
