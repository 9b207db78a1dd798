"""Registers all modules that segmentation configs use; named in their ``custom_imports``."""

from bsam_suite import engine, robustness  # noqa: F401
from bsam_suite.compat import import_openmmlab

import_openmmlab("mmseg")

from tasks.segmentation import (  # noqa: E402, F401
    backbones,
    check_masks,
    follow_classes,
    hooks,
    last_layers,
    mask_folder,
    metrics,
    people,
    preflight,
)
