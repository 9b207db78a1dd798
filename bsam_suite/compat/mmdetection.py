"""MMDetection together with MMPose."""

from __future__ import annotations

import sys

from bsam_suite.compat.placeholders import is_missing


def relax_mmcv_version_check() -> bool:
    """Let MMDetection 3.0 to 3.3 be imported with mmcv 2.2.

    If MMDetection is installed, MMPose 1.3.2 imports it. MMDetection raises an error for mmcv 2.2.0
    and later (3.0 and 3.1: for 2.1.0 and later), although it works with them. It checks the version
    once, at import, so this function imports it while mmcv reports version 2.0.1. It does nothing
    if MMDetection is not installed or accepts this mmcv. Returns whether the patch was needed.
    """
    if "mmdet" in sys.modules or is_missing("mmdet"):
        return False
    import mmcv

    try:
        import mmdet  # noqa: F401
    except AssertionError:
        version, mmcv.__version__ = mmcv.__version__, "2.0.1"
        try:
            import mmdet  # noqa: F401
        except AssertionError:  # another check failed; MMPose is imported without it
            return False
        finally:
            mmcv.__version__ = version
        return True
    except ImportError:  # a dependency of MMDetection is missing
        return False
    return False
