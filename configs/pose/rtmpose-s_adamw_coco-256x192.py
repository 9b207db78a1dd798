"""RTMPose-s at 256x192 on COCO with MMPose's 420 epochs of AdamW."""

_base_ = "mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-s_8xb256-420e_coco-256x192.py"

from tasks.pose.recipe import (  # noqa: F401
    custom_hooks,
    custom_imports,
    preflight,
    test_dataloader,
    val_dataloader,
    without_mmdet,
)

model = dict(backbone=dict(_scope_="mmpose"))
train_pipeline = without_mmdet(_base_.train_pipeline)
train_pipeline_stage2 = without_mmdet(_base_.train_pipeline_stage2)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
custom_hooks = [
    _base_.custom_hooks[0],  # averaged weights
    dict(
        type="LastEpochsPipelineHook",
        epochs=_base_.stage2_num_epochs,
        pipeline=train_pipeline_stage2,
    ),
    *custom_hooks,
]
