"""Registers all modules that classification configs use; named in their ``custom_imports``."""

from bsam_suite import engine  # noqa: F401
from tasks.classification import (  # noqa: F401
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
    torchvision_dataset,
    wide_resnet,
)
