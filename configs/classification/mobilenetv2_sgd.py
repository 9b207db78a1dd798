"""MobileNetV2 with plain SGD: on the images in ``data_root`` where it is given, else on digits."""

_base_ = "./resnet18_sgd.py"
replaced_by = [
    dict(option="data_root", holds="train/n[01]???????", config="./_base_/imagenet-mobilenetv2.py")
]

model = dict(net=dict(type="CIFARMobileNetV2"))
