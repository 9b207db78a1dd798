"""MMDetection beside MMPose."""

from __future__ import annotations

import sys

from bsam_suite.compat.placeholders import is_missing


def relax_mmcv_version_check() -> bool:
    """Let MMDetection 3.0 to 3.3 be imported beside mmcv 2.2.

    MMPose 1.3.2 imports it where it is installed, and it refuses mmcv from 2.2.0 on (3.0 and 3.1:
    from 2.1.0), though it runs with it. Its check is made once, while it is imported: here, and
    mmcv says 2.0.1 meanwhile. Nothing is done where it is not installed or accepts this mmcv.
    Returns whether it was needed.
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
        except AssertionError:  # of something else; MMPose is imported without it
            return False
        finally:
            mmcv.__version__ = version
        return True
    except ImportError:  # of something that it needs itself
        return False
    return False
