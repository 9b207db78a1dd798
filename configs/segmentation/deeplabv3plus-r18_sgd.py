"""DeepLabV3+ with ResNet-18."""

_base_ = "./deeplabv3plus-r50_sgd.py"

model = dict(
    backbone=dict(depth=18, init_cfg=dict(checkpoint="open-mmlab://resnet18_v1c")),
    decode_head=dict(in_channels=512, channels=128, c1_in_channels=64, c1_channels=12),
    auxiliary_head=dict(in_channels=256, channels=64),
)
