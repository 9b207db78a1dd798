"""Which checkpoint a run goes on from, and whether it can."""

from __future__ import annotations

import os
import re
from pathlib import Path

from bsam_suite.engine.checkpoint import read_checkpoint
from bsam_suite.errors import InputError

POINTER = "last_checkpoint"
PERIODIC = re.compile(r"(epoch|iter)_(\d+)\.pth")


def find_checkpoint(folder: str | Path) -> str | None:
    """The checkpoint in ``folder`` to go on from; None where there are none.

    It is the one that ``last_checkpoint`` names. Where that one is missing, damaged or holds too
    little, a line says so and the newest good ``epoch_N.pth`` or ``iter_N.pth`` is taken.

    Raises:
        InputError: there are checkpoints, but none that a run can go on from.
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
            print(f"WARNING: --resume auto passes over a checkpoint: {reason}", flush=True)
        print(f"Going on from {file}", flush=True)
        return str(file)
    reasons += [f"{file} holds no whole run" for file in sorted(folder.glob("*.pth"))]
    raise InputError(
        f"--resume auto: no checkpoint in {folder} can be gone on from: {reasons[0]}. To train "
        "anew, name another folder by --work-dir or delete this one"
    )


def _candidates(folder: Path) -> tuple[list[Path], list[str]]:
    """The files to try, the best first, and what is wrong with the pointer."""
    pointed = _pointed(folder)
    found = [(PERIODIC.fullmatch(file.name), file) for file in folder.glob("*.pth")]
    kept = [f for _, f in sorted(((int(n[2]), f) for n, f in found if n), reverse=True)]
    if pointed is None:
        return kept, [f"{folder / POINTER} names no file that is there"]
    return [pointed, *(file for file in kept if file != pointed)], []


def _pointed(folder: Path) -> Path | None:
    """The file that ``last_checkpoint`` names."""
    pointer = folder / POINTER
    named = Path(pointer.read_text(errors="replace").strip() if pointer.is_file() else "")
    files = [folder / named.name]  # the folder may have been moved or copied since
    if named.parent.name == folder.resolve().name and not any(folder.glob("*.pth")):
        files.append(named)  # in the out_dir of the checkpoint hook
    return next((file for file in files if os.path.isfile(file)), None)


def check_complete(checkpoint: dict, path: str) -> None:
    """Make sure that a run can go on from ``checkpoint``.

    Raises:
        InputError: it holds less than the state of a run.
    """
    meta = checkpoint.get("meta")
    lacking = [name for name in ("message_hub", "optimizer") if name not in checkpoint]
    lacking += [
        f"meta.{name}"
        for name in ("epoch", "iter")
        if not isinstance(meta, dict) or not isinstance(meta.get(name), int)
    ]
    if lacking:
        raise InputError(
            f"checkpoint {path} has no {', '.join(lacking)}: a run goes on from epoch_N.pth or "
            f"iter_N.pth only. To start a new run from its weights: --cfg-options load_from={path}"
        )
