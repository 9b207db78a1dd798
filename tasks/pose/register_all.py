"""Registers all modules that pose configs use; named in their ``custom_imports``."""

from bsam_suite import engine, robustness  # noqa: F401
from bsam_suite.compat import import_mmpose

import_mmpose()

from tasks.pose import (  # noqa: E402, F401
    augment,
    backbones,
    codecs,
    collate,
    dataset,
    fast_transforms,
    follow_keypoints,
    heads,
    hooks,
    last_layers,
    load_image,
    preflight,
)
