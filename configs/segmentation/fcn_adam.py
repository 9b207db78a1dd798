"""FCN without a rule: a small one with Adam on people; ResNet-50 with SGD on other data."""

_base_ = "./fcn-tiny_adam_people-128x128.py"
replaced_by = [dict(option="data_root", found="data/VOCdevkit/VOC2012", config="./fcn-r50_sgd.py")]
