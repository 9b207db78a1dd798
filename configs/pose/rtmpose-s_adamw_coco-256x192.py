"""RTMPose-s at 256x192 on COCO with MMPose's 420 epochs of AdamW."""

_base_ = "./rtmpose-m_adamw_coco-256x192.py"

model = dict(
    backbone=dict(
        deepen_factor=0.33,
        widen_factor=0.5,
        init_cfg=dict(
            checkpoint="https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/"
            "cspnext-s_udp-aic-coco_210e-256x192-92f5a029_20230130.pth"
        ),
    ),
    head=dict(in_channels=512),
)
optim_wrapper = dict(optimizer=dict(weight_decay=0.0))
