"""Everything that a classification config needs registered; named in its ``custom_imports``."""

from bsam_suite import engine  # noqa: F401
from bsam_suite.compat import is_missing
from bsam_suite.errors import InputError
from bsam_suite.shell import add_extra

if is_missing("torchvision"):
    raise InputError(f"torchvision is missing: {add_extra('classification')}")

from tasks.classification import (  # noqa: E402, F401
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
    schedule,
    torchvision_images,
    wide_resnet,
)
