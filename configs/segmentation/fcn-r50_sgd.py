"""FCN with ResNet-50 on PASCAL VOC or what is in ``data_root``, as MMSegmentation trains it."""

_base_ = ["mmseg::_base_/models/fcn_r50-d8.py", "./_base_/voc.py"]

model = dict(
    pretrained=None,
    data_preprocessor=dict(size=_base_.crop_size),
    backbone=dict(init_cfg=dict(type="Pretrained", checkpoint="open-mmlab://resnet50_v1c")),
    decode_head=dict(num_classes=_base_.num_classes),
    auxiliary_head=dict(num_classes=_base_.num_classes),
)
