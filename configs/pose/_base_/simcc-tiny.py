"""The small HRNet with a SimCC head: what differs from the one with heatmaps.

SimCC classifies x and y by themselves: Y. Li et al., "SimCC: a Simple Coordinate Classification
Perspective for Human Pose Estimation", arXiv 2107.03332.
"""

codec_of_simcc = dict(type="SimCCLabel", input_size=(96, 128), sigma=3.0, simcc_split_ratio=2.0)
simcc = dict(
    codec=dict(_delete_=True, **codec_of_simcc),
    model=dict(
        head=dict(
            _delete_=True,
            type="SimCCHead",
            in_channels=16,
            out_channels=17,
            input_size=(96, 128),
            in_featuremap_size=(24, 32),
            simcc_split_ratio=2.0,
            deconv_out_channels=None,
            loss=dict(type="KLDiscretLoss", use_target_weight=True),
            decoder=codec_of_simcc,
            # MMPose's default of std 0.001 is meant for a pretrained backbone.
            init_cfg=[
                dict(type="Kaiming", layer="Conv2d"),
                dict(type="Xavier", layer="Linear"),
            ],
        ),
        test_cfg=dict(_delete_=True, flip_test=True),
    ),
    # The steps from the warp on.
    train_pipeline=[
        dict(type="TopdownAffine", input_size=(96, 128)),
        dict(type="GenerateTarget", encoder=codec_of_simcc),
        dict(type="PackPoseInputs"),
    ],
    val_pipeline=[
        dict(type="TopdownAffine", input_size=(96, 128)),
        dict(type="PackPoseInputs"),
    ],
)
