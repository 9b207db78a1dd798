"""Lets MMEngine 0.10.7 and what is built on it run on current PyTorch, NumPy and setuptools.

:func:`patch_mmengine` patches MMEngine. :func:`import_mmpose` patches and imports MMPose, and
:func:`import_openmmlab` MMDetection, MMPreTrain and MMSegmentation. Each incompatibility has its
own function, which names the versions and does nothing for others.
"""

from __future__ import annotations

from bsam_suite.compat.mmpose import import_mmpose, mmpose_is_missing
from bsam_suite.compat.openmmlab import PACKAGES, import_openmmlab, openmmlab_is_missing
from bsam_suite.compat.patches import patch_mmengine  # noqa: F401
from bsam_suite.errors import InputError


def import_scope(scope: str | None) -> dict[str, bool]:
    """Import the package of OpenMMLab whose ``default_scope`` a config names, if it is one.

    Returns:
        For each incompatibility with the installed packages, whether a patch was needed.

    Raises:
        InputError: it is not installed, or cannot be imported.
    """
    if scope == "mmpose":
        return import_mmpose()
    return import_openmmlab(scope) if scope in PACKAGES else {}


def missing_package(error: ModuleNotFoundError) -> InputError | None:
    """What to install where MMEngine does not find the package of a config, ``PACKAGE::FILE``."""
    name = str(error).partition(" ")[0]
    package = next((p for p, words in PACKAGES.items() if words[0].startswith(f"{name}==")), None)
    if package is not None:
        return openmmlab_is_missing(package)
    return mmpose_is_missing() if name == "mmpose" else None
