"""Registers all modules that classification configs use; named in their ``custom_imports``."""

from bsam_suite import engine, robustness  # noqa: F401
from bsam_suite.optional import need

need("torchvision", "classification")

from tasks.classification import (  # noqa: E402, F401
    classifier,
    digits,
    few_shot_subset,
    image_folder,
    label_noise,
    lazy_image_folder,
    library_models,
    metrics,
    mobilenet,
    preflight,
    preprocessor,
    pyramidnet,
    resnet,
    schedule,
    small_cnn,
    torchvision_dataset,
    wide_resnet,
)
