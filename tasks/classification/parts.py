"""Everything that a classification config needs registered; named in its ``custom_imports``."""

from bsam_suite import engine  # noqa: F401
from tasks.classification import (  # noqa: F401
    classifier,
    digits,
    few_labels,
    folder,
    label_noise,
    lazy_folder,
    libraries,
    metrics,
    mobilenet,
    preflight,
    preprocessor,
    pyramidnet,
    resnet,
    torchvision_images,
    wide_resnet,
)
