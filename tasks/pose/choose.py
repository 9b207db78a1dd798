"""COCO where it is found, the people that come with the suite otherwise."""

from pathlib import Path

from bsam_suite.compat import is_missing, mmpose_is_missing
from bsam_suite.engine.config import cfg_option

COCO_ROOT = "data/coco"


def recipe(coco: str, built_in: str) -> str:
    """Which config to inherit: ``coco`` if a ``data_root`` was given or ``data/coco`` is there.

    A root that lacks something is not passed over here: the COCO config checks it.

    Raises:
        InputError: MMPose is not installed.
    """
    if is_missing("mmpose"):
        raise mmpose_is_missing()
    return coco if cfg_option("data_root") or Path(COCO_ROOT).exists() else built_in
