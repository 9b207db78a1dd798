"""A small fully convolutional network on the people that come with the suite, plain Adam.

Persons before the background; data sets of ``type="PersonParts"`` tell their parts apart.
"""

custom_imports = dict(imports=["tasks.segmentation.register_all"])
default_scope = "mmseg"
people = dict(train=2000, val=400, seed=0)
data_root = "data/people"  # the tools keep them in a cache folder instead
resolve = [
    dict(type="people_folder"),
    dict(type="follow_classes"),
    dict(type="drop_late_schedules"),
]
preflight = [dict(type="prepare_masks_of_people")]

size = (128, 128)
norm = dict(type="BN")
model = dict(
    type="EncoderDecoder",
    data_preprocessor=dict(
        type="SegDataPreProcessor",
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=size,
    ),
    backbone=dict(
        type="SmallResNet",
        depth=18,
        stem_channels=16,
        base_channels=16,
        norm_cfg=norm,
        init_cfg=[dict(type="Kaiming", layer="Conv2d")],
    ),
    decode_head=dict(
        type="FCNHead",
        in_channels=[16, 32, 64, 128],
        in_index=[0, 1, 2, 3],
        input_transform="resize_concat",
        channels=32,
        num_convs=1,
        kernel_size=1,
        concat_input=False,
        dropout_ratio=0.0,
        num_classes=2,
        norm_cfg=norm,
        align_corners=False,
        loss_decode=dict(type="CrossEntropyLoss"),
    ),
    test_cfg=dict(mode="whole"),
)

train_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="LoadAnnotations", imdecode_backend="cv2"),
    dict(type="Resize", scale=size),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackSegInputs"),
]
val_pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="Resize", scale=size),
    dict(type="LoadAnnotations", imdecode_backend="cv2"),
    dict(type="PackSegInputs"),
]


def loader(split, batch_size, pipeline, train):
    """On a few cores a worker process takes more from the training than it gives."""
    return dict(
        batch_size=batch_size,
        num_workers=0,
        drop_last=train,
        sampler=dict(type="DefaultSampler", shuffle=train),
        dataset=dict(
            type="Persons",
            data_root=data_root,
            data_prefix=dict(img_path=f"{split}2017", seg_map_path=f"masks/{split}2017"),
            pipeline=pipeline,
        ),
    )


train_dataloader = loader("train", 16, train_pipeline, True)
val_dataloader = test_dataloader = loader("val", 16, val_pipeline, False)
val_evaluator = test_evaluator = dict(type="MeanIoU")

train_cfg = dict(by_epoch=True, max_epochs=8, val_interval=4)
val_cfg = test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="Adam", lr=1e-2, betas=(0.8, 0.999), fused=True))
param_scheduler = [
    dict(type="LinearLR", end=1, start_factor=0.01, convert_to_iter_based=True),
    dict(type="PolyLR", begin=1, power=0.9, eta_min=1e-4, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=50),
    checkpoint=dict(type="CheckpointHook", interval=1, max_keep_ckpts=2),
)
custom_hooks = [
    dict(type="SyncBuffersHook"),
    dict(type="MaskSheetHook"),
    dict(type="CurvesHook", metric="mIoU"),
]
