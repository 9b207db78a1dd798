"""A small HRNet at 128x96 on the people that come with the suite, plain Adam."""

_base_ = "mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py"

custom_imports = dict(imports=["tasks.pose.register_all"])
people = dict(train=2000, val=400, seed=0)
data_root = "data/people"  # the tools keep them in a cache folder instead
resolve = [dict(type="people_folder"), dict(type="drop_late_schedules")]
preflight = [dict(type="prepare_people")]

codec = dict(
    type="ExactUDPHeatmap",
    input_size=(96, 128),
    heatmap_size=(24, 32),
    sigma=0.8,
    blur_kernel_size=3,
)
model = dict(
    backbone=dict(
        type="SmallHRNet",
        zero_init_residual=True,
        # MMPose's default of std 0.001 is meant to be overwritten by pretrained weights.
        init_cfg=[
            dict(type="Kaiming", layer="Conv2d"),
            dict(type="Constant", layer=["_BatchNorm", "BatchNorm2d"], val=1),
        ],
        extra=dict(
            stage1=dict(block="BASIC", num_blocks=(1,), num_channels=(32,)),
            stage2=dict(num_blocks=(1, 1), num_channels=(16, 32)),
            stage3=dict(num_modules=1, num_blocks=(1, 1, 1), num_channels=(16, 32, 64)),
            stage4=dict(num_modules=1, num_blocks=(1, 1, 1, 1), num_channels=(16, 32, 64, 128)),
        ),
    ),
    head=dict(type="SoftmaxHeatmapHead", in_channels=16, decoder=codec),
    test_cfg=dict(shift_heatmap=False),
)

train_pipeline = [
    dict(type="LoadWholeImage"),
    dict(type="GetBBoxCenterScale", padding=1.1),
    dict(type="FastRandomFlip", direction="horizontal"),
    dict(
        type="FastRandomBBoxTransform",
        shift_factor=0.03,
        rotate_factor=8,
        scale_factor=(0.93, 1.07),
    ),
    dict(type="TopdownAffine", input_size=codec["input_size"], use_udp=True),
    dict(type="GenerateTarget", encoder=codec),
    dict(type="PackPoseInputs"),
]
val_pipeline = [
    dict(type="LoadImage"),
    dict(type="GetBBoxCenterScale", padding=1.1),
    dict(type="TopdownAffine", input_size=codec["input_size"], use_udp=True),
    dict(type="PackPoseInputs"),
]
# On a few cores a worker process takes more from the training than it gives.
train_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    batch_size=16,
    drop_last=True,
    dataset=dict(type="PeopleDataset", data_root=data_root, pipeline=train_pipeline),
)
val_dataloader = test_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    batch_size=64,
    dataset=dict(
        type="PeopleDataset",
        data_root=data_root,
        bbox_file="",
        pipeline=val_pipeline,
    ),
)
val_evaluator = test_evaluator = dict(
    ann_file=f"{data_root}/annotations/person_keypoints_val2017.json"
)

train_cfg = dict(max_epochs=8, val_interval=4)
optim_wrapper = dict(optimizer=dict(lr=2e-2, betas=(0.8, 0.999), fused=True))
param_scheduler = [
    dict(type="LinearLR", end=1, start_factor=0.01, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", begin=1, eta_min=2e-4, convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=16)
default_hooks = dict(logger=dict(interval=50), checkpoint=dict(interval=1, max_keep_ckpts=2))
custom_hooks = [
    dict(type="SyncBuffersHook"),
    dict(type="ContactSheetHook"),
    dict(type="CurvesHook", metric="coco/AP"),
]
