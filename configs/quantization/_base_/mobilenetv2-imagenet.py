"""MobileNetV2 for ImageNet quantized by LSQ from a float model: 8-bit weights and activations."""

_base_ = "./resnet18.py"

float_config = "configs/classification/mobilenetv2_sgd.py"
model = dict(model=dict(net=dict(name="mobilenet_v2")))
optim_wrapper = dict(optimizer=dict(weight_decay=4e-5))
