"""ImageNet as folders: MobileNetV2 by torchvision's references.

Those have trained torchvision's own weights, 71.88%.
"""

_base_ = "./imagenet.py"

model = dict(net=dict(name="mobilenet_v2"))
train_cfg = dict(max_epochs=300)
optim_wrapper = dict(optimizer=dict(lr=0.045, weight_decay=4e-5))
param_scheduler = [dict(type="EvenStepLR", steps=300, gamma=0.98)]
