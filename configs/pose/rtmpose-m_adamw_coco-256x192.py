"""RTMPose-m at 256x192 on COCO with MMPose's 420 epochs of AdamW."""

_base_ = [
    "mmpose::body_2d_keypoint/rtmpose/coco/rtmpose-m_8xb256-420e_coco-256x192.py",
    "./_base_/coco.py",
]


def without_other_libraries(pipeline, erase):
    """MMPose has MMDetection's YOLOXHSVRandomAug too; BlurAndErase is as with Albumentations."""
    return [
        dict(pipeline[0], type="LoadWholeImage"),
        pipeline[1],
        dict(pipeline[2], type="FastRandomFlip"),
        pipeline[3],
        dict(pipeline[4], type="FastRandomBBoxTransform"),
        pipeline[5],
        dict(type="YOLOXHSVRandomAug"),
        dict(type="BlurAndErase", blur=0.1, median=0.1, erase=erase),
        *pipeline[8:],
    ]


model = dict(backbone=dict(_scope_="mmpose"))
train_pipeline = without_other_libraries(_base_.train_pipeline, erase=1.0)
train_pipeline_stage2 = without_other_libraries(_base_.train_pipeline_stage2, erase=0.5)
train_dataloader = dict(**_base_.coco.train_dataloader, dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = _base_.coco.val_dataloader
custom_hooks = [
    _base_.custom_hooks[0],  # averages the weights
    dict(
        type="PipelineSwitchHook",
        num_last_epochs=_base_.stage2_num_epochs,
        switch_pipeline=train_pipeline_stage2,
    ),
    *_base_.coco.custom_hooks,
]
