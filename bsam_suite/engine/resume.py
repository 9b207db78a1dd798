"""Which checkpoint a run goes on from, and whether it can."""

from __future__ import annotations

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
    folder, reasons = Path(folder), []
    for file in _candidates(folder):
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
    if not reasons:
        return None
    raise InputError(
        f"--resume auto: no checkpoint in {folder} can be gone on from: {reasons[0]}. To train "
        "anew, name another folder by --work-dir or delete this one"
    )


def _candidates(folder: Path) -> list[Path]:
    pointer = folder / POINTER
    named = pointer.read_text(errors="replace").strip() if pointer.is_file() else ""
    # The folder may have been moved or copied since.
    pointed = [folder / Path(named).name, Path(named)] if named else []
    pointed = [file for file in pointed if file.is_file()][:1]
    found = [(PERIODIC.fullmatch(file.name), file) for file in folder.glob("*.pth")]
    kept = sorted(((int(name[2]), file) for name, file in found if name), reverse=True)
    return pointed + [file for _, file in kept if file not in pointed]


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
