"""The small HRNet with a SimCC head at 128x96 on the people that come with the suite, plain Adam.

SimCC classifies x and y by themselves: Y. Li et al., "SimCC: a Simple Coordinate Classification
Perspective for Human Pose Estimation", arXiv 2107.03332.
"""

_base_ = "./hrnet-tiny_adam_people-128x96.py"

simcc = dict(type="SimCCLabel", input_size=(96, 128), sigma=3.0, simcc_split_ratio=2.0)
codec = dict(_delete_=True, **simcc)
model = dict(
    head=dict(
        _delete_=True,
        type="SimCCHead",
        in_channels=16,
        out_channels=17,
        input_size=simcc["input_size"],
        in_featuremap_size=(24, 32),
        simcc_split_ratio=simcc["simcc_split_ratio"],
        deconv_out_channels=None,
        loss=dict(type="KLDiscretLoss", use_target_weight=True),
        decoder=simcc,
        # MMPose's default of std 0.001 is meant for a pretrained backbone.
        init_cfg=[
            dict(type="Kaiming", layer="Conv2d"),
            dict(type="Xavier", layer="Linear"),
        ],
    ),
    test_cfg=dict(_delete_=True, flip_test=True),
)

# Up to the warp as the small HRNet's.
train_pipeline = [
    *_base_.train_pipeline[:4],  # noqa: F821
    dict(type="TopdownAffine", input_size=simcc["input_size"]),
    dict(type="GenerateTarget", encoder=simcc),
    dict(type="PackPoseInputs"),
]
val_pipeline = [
    *_base_.val_pipeline[:2],  # noqa: F821
    dict(type="TopdownAffine", input_size=simcc["input_size"]),
    dict(type="PackPoseInputs"),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
