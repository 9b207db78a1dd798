"""MobileNetV2 with plain SGD: on the images in ``data_root`` where it is given, else on digits.

ImageNet by torchvision's references, which have trained torchvision's own weights, 71.88%.
"""

_base_ = "./resnet18_sgd.py"

from bsam_suite.engine.config import cfg_option

if _base_.model.net.type == "TorchvisionModel":  # noqa: F821
    model = dict(net=dict(name="mobilenet_v2"))
    epochs = cfg_option("train_cfg.max_epochs", 300)
    train_cfg = dict(max_epochs=epochs)
    optim_wrapper = dict(optimizer=dict(lr=0.045, weight_decay=4e-5))
    param_scheduler = [dict(type="StepLR", step_size=1, gamma=0.98 ** (300 / epochs))]
    del epochs  # no option of the command line
else:
    model = dict(net=dict(type="CIFARMobileNetV2"))
