"""RTMPose-s at 256x192 on COCO with MMPose's 420 epochs of AdamW."""

_base_ = "mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-s_8xb256-420e_coco-256x192.py"

from tasks.pose.recipe import (  # noqa: F401
    custom_imports,
    metainfo,
    preflight,
    resolve,
    rtmpose,
    test_dataloader,
    val_dataloader,
)

model, train_pipeline, train_pipeline_stage2, train_dataloader, custom_hooks = rtmpose(_base_)
