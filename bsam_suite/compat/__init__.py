"""Lets MMEngine 0.10.7 and MMPose 1.3.2 run on current PyTorch, NumPy and setuptools.

:func:`patch_mmengine` patches MMEngine. :func:`import_mmpose` patches and imports MMPose. Each
incompatibility has its own function, which names the versions and does nothing for others.
"""

from __future__ import annotations

import warnings

from bsam_suite.compat.placeholders import is_missing, mmcv_ext, mmdet_utils
from bsam_suite.errors import InputError
from bsam_suite.shell import add_extra, pip_install


def mmpose_is_missing() -> InputError:
    """The error if MMPose is not installed."""
    how = f"{add_extra('pose')} && {pip_install('--no-deps', 'mmpose==1.3.2')}"
    return InputError(f"MMPose is missing: {how}")


def check_pkg_resources() -> None:
    """Check for ``pkg_resources``, which MMEngine 0.10.7 imports and setuptools 81 removed.

    Older versions of setuptools warn about it at every start; that warning is silenced.

    Raises:
        InputError: it is missing.
    """
    if is_missing("pkg_resources"):
        raise InputError(
            "MMEngine 0.10.7 needs pkg_resources, which the installed setuptools no longer has: "
            f"{pip_install('setuptools<81')}"
        )
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")


def patch_mmengine() -> None:
    """Let MMEngine load checkpoints safely and write them atomically; a second call is harmless.

    Raises:
        InputError: setuptools is too new for MMEngine.
    """
    from bsam_suite.compat.atomic_saving import patch_file_backend
    from bsam_suite.compat.safe_globals import add_safe_globals
    from bsam_suite.compat.safe_loading import patch_checkpoint_loading

    check_pkg_resources()
    add_safe_globals()
    patch_checkpoint_loading()
    patch_file_backend()


def import_mmpose() -> dict[str, bool]:
    """Patch and import MMPose, so that its models, data sets and metrics are registered.

    Returns:
        For each incompatibility with the installed packages, whether a patch was needed.

    Raises:
        InputError: MMPose is not installed.
    """
    if any(map(is_missing, ("mmpose", "mmcv", "torchvision", "json_tricks"))):
        raise mmpose_is_missing()
    from bsam_suite.compat.mmdetection import relax_mmcv_version_check
    from bsam_suite.compat.visualizer import patch_circle_radius
    from bsam_suite.compat.xtcocotools import provide_xtcocotools

    patch_mmengine()
    patched = {"xtcocotools": provide_xtcocotools()}
    patched["mmdet's check of mmcv"] = relax_mmcv_version_check()
    with mmcv_ext() as ext, mmdet_utils() as mmdet:
        import mmpose.codecs
        import mmpose.datasets
        import mmpose.engine
        import mmpose.evaluation
        import mmpose.models
        import mmpose.visualization  # noqa: F401
    patched |= {"mmcv._ext": ext, "mmdet.utils": mmdet}
    return patched | {"circles of keypoints": patch_circle_radius()}
