"""pycocotools under the name of xtcocotools, which no longer builds."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from bsam_suite.compat.placeholders import is_missing


def provide_xtcocotools() -> bool:
    """Let ``import xtcocotools`` import pycocotools.

    MMPose 1.3.2 reads annotations and computes COCO AP with xtcocotools. Its last release (1.14.3)
    does not build against NumPy 2. Nothing is done if xtcocotools is installed. Returns whether the
    replacement was needed.
    """
    if "xtcocotools" in sys.modules or not is_missing("xtcocotools"):
        return False
    import pycocotools.mask

    from bsam_suite.compat.coco import COCO, COCOeval

    package: Any = ModuleType("xtcocotools")
    package.__path__ = []
    package.coco = ModuleType("xtcocotools.coco")
    package.coco.COCO = COCO
    package.cocoeval = ModuleType("xtcocotools.cocoeval")
    package.cocoeval.COCOeval = COCOeval
    package.mask = pycocotools.mask
    for name in ("coco", "cocoeval", "mask"):
        sys.modules[f"xtcocotools.{name}"] = getattr(package, name)
    sys.modules["xtcocotools"] = package
    return True
