"""Where results go, and how earlier ones are kept."""

from __future__ import annotations

from pathlib import Path

from bsam_suite.engine.work_dir import numbered
from bsam_suite.errors import InputError

RESULTS = "quantized.json"


def choose_out_dir(checkpoint: str, given: str | None) -> Path:
    """The folder for results: ``given``, or the next free ``quantized``, ``quantized-2``, ...

    The default lies beside the checkpoint, or in the current folder for one from the network.

    Raises:
        InputError: the folder given by hand holds earlier results, or is a file.
    """
    if given is not None:
        if (Path(given) / RESULTS).exists():
            raise InputError(
                f"--out {given} holds {RESULTS} of an earlier evaluation: name another folder"
            )
        if Path(given).exists() and not Path(given).is_dir():
            raise InputError(f"--out {given} is a file: name a folder")
        return Path(given)
    beside = Path() if "://" in checkpoint else Path(checkpoint).parent
    for folder in numbered(beside / "quantized"):
        if not folder.exists() or (folder.is_dir() and not (folder / RESULTS).exists()):
            return folder
