"""MMPose 1.3.2 on current packages."""

from __future__ import annotations

from bsam_suite.compat.openmmlab import import_mmdet_beside
from bsam_suite.compat.patches import patch_mmengine
from bsam_suite.compat.placeholders import is_missing, mmcv_ext, mmdet_utils
from bsam_suite.errors import InputError
from bsam_suite.shell import add_extra, pip_install


def mmpose_is_missing() -> InputError:
    """The error if MMPose is not installed."""
    how = f"{add_extra('pose')} && {pip_install('--no-deps', 'mmpose==1.3.2')}"
    return InputError(f"MMPose is missing: {how}")


def import_mmpose() -> dict[str, bool]:
    """Patch and import MMPose, so that its models, data sets and metrics are registered.

    Returns:
        For each incompatibility with the installed packages, whether a patch was needed.

    Raises:
        InputError: MMPose is not installed.
    """
    if any(map(is_missing, ("mmpose", "mmcv", "torchvision", "json_tricks"))):
        raise mmpose_is_missing()
    from bsam_suite.compat.visualizer import patch_circle_radius
    from bsam_suite.compat.xtcocotools import provide_xtcocotools

    patch_mmengine()
    patched = {"xtcocotools": provide_xtcocotools()}
    patched["mmdet's check of mmcv"] = import_mmdet_beside()
    with mmcv_ext() as ext, mmdet_utils() as mmdet:
        import mmpose.codecs
        import mmpose.datasets
        import mmpose.engine
        import mmpose.evaluation
        import mmpose.models
        import mmpose.visualization  # noqa: F401
    patched |= {"mmcv._ext": ext, "mmdet.utils": mmdet}
    return patched | {"circles of keypoints": patch_circle_radius()}
