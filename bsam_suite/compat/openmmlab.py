"""The packages of OpenMMLab that are built on mmcv, together with mmcv 2.2."""

from __future__ import annotations

import importlib
import sys

from bsam_suite.compat.hue import patch_adjust_hue
from bsam_suite.compat.patches import patch_mmengine
from bsam_suite.compat.placeholders import is_missing, mmcv_ext
from bsam_suite.errors import InputError
from bsam_suite.shell import pip_install

PACKAGES = {
    "mmdet": ["mmdet==3.3.0", "mmcv-lite", "torchvision"],
    "mmpretrain": ["mmpretrain==1.2.0", "mmcv-lite", "torchvision"],
    "mmseg": ["mmsegmentation==1.2.2", "mmcv-lite", "torchvision", "ftfy", "regex"],
}
"""By their scopes, which are their modules' names, too: what to install."""


def import_despite_mmcv(package: str) -> bool:
    """Import a package that refuses mmcv 2.2; returns whether the patch was needed.

    MMDetection 3.3.0 and MMSegmentation 1.2.2 raise an error for mmcv 2.2.0 and later (older ones
    for earlier versions), although they work with it. They check once, at import, so the package is
    imported while mmcv reports version 2.0.1.

    Raises:
        AssertionError: the package refuses MMEngine, or this mmcv for being too old.
        Exception: whatever else its import raises.
    """
    if package in sys.modules:
        return False
    import mmcv

    try:
        importlib.import_module(package)
    except AssertionError:
        version, mmcv.__version__ = mmcv.__version__, "2.0.1"
        try:
            importlib.import_module(package)
        finally:
            mmcv.__version__ = version
        return True
    return False


def import_mmdet_beside() -> bool:
    """Import MMDetection where it is installed and can be imported; its models are not.

    MMPose 1.3.2, MMPreTrain 1.2.0 and MMSegmentation 1.2.2 import it where they find it. Returns
    whether the patch was needed.
    """
    if is_missing("mmdet"):
        return False
    try:
        return import_despite_mmcv("mmdet")
    except (AssertionError, ImportError):  # of another check, or of what it imports
        return False


def openmmlab_is_missing(package: str) -> InputError:
    """The error if one of :data:`PACKAGES` is not installed."""
    return InputError(f"{package} is missing: {pip_install(*PACKAGES[package])}")


def import_openmmlab(package: str) -> dict[str, bool]:
    """Patch and import one of :data:`PACKAGES`, so that its models and data sets are registered.

    Returns:
        For each incompatibility with the installed packages, whether a patch was needed.

    Raises:
        InputError: the package is not installed, or cannot be imported.
    """
    if is_missing(package) or is_missing("mmcv"):
        raise openmmlab_is_missing(package)
    patch_mmengine()
    try:
        with mmcv_ext() as ext:
            beside = import_mmdet_beside()
            version = import_despite_mmcv(package) or beside
            parts = importlib.import_module(f"{package}.utils")
            parts.register_all_modules(init_default_scope=False)
    except (AssertionError, ImportError) as error:
        how = pip_install(*PACKAGES[package])
        raise InputError(f"{package} cannot be imported ({error}): {how}") from error
    return {"check of mmcv": version, "mmcv._ext": ext, "hues": patch_adjust_hue()}
