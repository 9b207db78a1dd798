"""SimpleBaseline with ResNet-50 at 256x192 on COCO with MMPose's 210 epochs of Adam."""

_base_ = "mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py"

from tasks.pose.recipe import (  # noqa: F401
    custom_hooks,
    custom_imports,
    metainfo,
    preflight,
    quick,
    resolve,
    test_dataloader,
    val_dataloader,
)

train_pipeline, train_dataloader = quick(_base_)
