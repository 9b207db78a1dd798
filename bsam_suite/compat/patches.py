"""What MMEngine 0.10.7 needs before anything else."""

from __future__ import annotations

import warnings

from bsam_suite.compat.placeholders import is_missing
from bsam_suite.errors import InputError
from bsam_suite.shell import pip_install


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
