"""SimpleBaseline with ResNet-101 at 256x192 on COCO with MMPose's 210 epochs of Adam."""

_base_ = "./simplebaseline-r50_adam_coco-256x192.py"

model = dict(backbone=dict(depth=101, init_cfg=dict(checkpoint="torchvision://resnet101")))
