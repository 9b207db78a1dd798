"""MobileNetV2 quantized by LSQ from a float model."""

_base_ = "../../classification/mobilenetv2_sgd.py"

from tasks.quantization.recipe import low_bit_classifier

(
    custom_imports,
    preflight,
    model,
    custom_hooks,
    train_cfg,
    param_scheduler,
    optim_wrapper,
) = low_bit_classifier(
    _base_,  # noqa: F821
    "configs/classification/mobilenetv2_sgd.py",
    "work_dirs/float/mobilenetv2_digits/epoch_30.pth",
)
