"""Which checkpoint a run is resumed from, and whether that is possible."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bsam_suite.engine.checkpoint import read_checkpoint
from bsam_suite.engine.work_dir import POINTER, STOPPED
from bsam_suite.errors import InputError
from bsam_suite.quiet import tell

PERIODIC = re.compile(r"(epoch|iter)_(\d+)\.pth")


def find_checkpoint(folder: str | Path) -> str | None:
    """The checkpoint in ``folder`` to resume from, or None if there are no checkpoints.

    It is the one that ``last_checkpoint`` names. If that one is missing, damaged or incomplete, a
    warning is printed and ``stopped.pth``, which is newer than all others while it is there, or the
    newest good ``epoch_N.pth`` or ``iter_N.pth`` is used.

    Raises:
        InputError: there are checkpoints, but a run cannot be resumed from any of them.
    """
    folder = Path(folder)
    if not any(folder.glob("*.pth")) and _pointed(folder) is None:
        return None
    files, reasons = _candidates(folder)
    for file in files:
        try:
            check_complete(read_checkpoint(str(file)), str(file))
        except InputError as error:
            reasons.append(str(error))
            continue
        for reason in reasons:
            tell(f"WARNING: --resume auto skips a checkpoint: {reason}")
        print(f"Resuming from {file}", flush=True)
        return str(file)
    reasons += [f"{file} has no state of a run" for file in sorted(folder.glob("*.pth"))]
    raise InputError(
        f"--resume auto: no checkpoint in {folder} can be resumed: {reasons[0]}. To start a new "
        "run, give another folder by --work-dir or delete this one"
    )


def _candidates(folder: Path) -> tuple[list[Path], list[str]]:
    """The files to try, the best first, and what is wrong with ``last_checkpoint``."""
    pointed = _pointed(folder)
    found = [(PERIODIC.fullmatch(file.name), file) for file in folder.glob("*.pth")]
    kept = [f for _, f in sorted(((int(n[2]), f) for n, f in found if n), reverse=True)]
    kept = [*folder.glob(STOPPED), *kept]
    if pointed is None:
        return kept, [f"{folder / POINTER} names a file that does not exist"]
    return [pointed, *(file for file in kept if file != pointed)], []


def _pointed(folder: Path) -> Path | None:
    """The file that ``last_checkpoint`` names."""
    pointer = folder / POINTER
    named = Path(pointer.read_text(errors="replace").strip() if pointer.is_file() else "")
    files = [folder / named.name]  # the folder may have been moved or copied since
    if named.parent.name == folder.resolve().name and not any(folder.glob("*.pth")):
        files.append(named)  # in the checkpoint hook's out_dir
    return next((file for file in files if os.path.isfile(file)), None)


def check_complete(checkpoint: dict, path: str) -> None:
    """Check that a run can be resumed from ``checkpoint``.

    Raises:
        InputError: a part of the state of a run is missing.
    """
    meta = checkpoint.get("meta")
    missing = [name for name in ("message_hub", "optimizer") if name not in checkpoint]
    missing += [
        f"meta.{name}"
        for name in ("epoch", "iter")
        if not isinstance(meta, dict) or not isinstance(meta.get(name), int)
    ]
    if missing:
        raise InputError(
            f"checkpoint {path} has no {', '.join(missing)}: a run can be resumed only from "
            f"epoch_N.pth, iter_N.pth or {STOPPED}. To start a new run from its weights use "
            f"--cfg-options load_from={path}"
        )
