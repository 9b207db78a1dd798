"""SimpleBaseline with ResNet-50 at 256x192 on COCO with MMPose's 210 epochs of Adam."""

_base_ = [
    "mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py",
    "./_base_/coco.py",
]

train_pipeline = [
    dict(step, type=_base_.coco.own.get(step["type"], step["type"]))
    for step in _base_.train_pipeline
]
train_dataloader = dict(**_base_.coco.train_dataloader, dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = _base_.coco.val_dataloader
custom_hooks = _base_.coco.custom_hooks
