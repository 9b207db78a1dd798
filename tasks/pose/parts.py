"""Everything that a pose config needs registered; named in its ``custom_imports``."""

from bsam_suite import engine  # noqa: F401
from bsam_suite.compat import import_mmpose

import_mmpose()

from tasks.pose import (  # noqa: E402, F401
    augment,
    backbones,
    batches,
    codecs,
    dataset,
    fast_transforms,
    follow_keypoints,
    heads,
    hooks,
    preflight,
)
