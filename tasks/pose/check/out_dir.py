"""Where a report goes; nothing but an earlier report is written over."""

from __future__ import annotations

import json
from pathlib import Path

from bsam_suite.errors import InputError

REPORT, MADE_BY = "report.json", "tools/check_dataset.py"


def check_out_dir(folder: Path) -> None:
    """Raises InputError if ``folder`` is a file, or holds anything but an earlier report."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder} is a file: name a folder")
    if not folder.exists() or not any(folder.iterdir()) or _is_report(folder / REPORT):
        return
    raise InputError(f"--out {folder} holds other files than a report: name another folder")


def _is_report(file: Path) -> bool:
    try:
        return json.loads(file.read_text()).get("made_by") == MADE_BY
    except (OSError, ValueError, AttributeError):
        return False
