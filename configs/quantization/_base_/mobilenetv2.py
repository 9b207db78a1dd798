"""MobileNetV2 quantized by LSQ from a float model: 8-bit weights and activations."""

_base_ = "./resnet18.py"
replaced_by = [
    dict(option="data_root", holds="train/n[01]???????", config="./mobilenetv2-imagenet.py")
]

float_config = "configs/classification/mobilenetv2_sgd.py"
model = dict(model=dict(net=dict(type="CIFARMobileNetV2")))
