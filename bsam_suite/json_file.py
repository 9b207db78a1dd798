"""JSON files: those from users are read with one-line errors, the suite's own are written."""

from __future__ import annotations

import json
from pathlib import Path

from bsam_suite.atomic_write import write_text
from bsam_suite.errors import InputError


def write_json(path: str | Path, content: object) -> None:
    """Write ``content``, indented, in one step: see :mod:`bsam_suite.atomic_write`."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def read_json(path: str | Path):
    """The content of a JSON file in UTF-8 without a byte order mark, as RFC 8259 requires.

    Other encodings are errors, because MMPose and MMEngine cannot read them from the same files.

    Raises:
        InputError: the file does not exist, cannot be read, is not UTF-8 or not JSON.
    """
    remedy = "save it as UTF-8 without a byte order mark"
    try:
        text = Path(path).read_text("utf-8")
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        place = f"byte {error.start} is 0x{error.object[error.start]:02x}"
        raise InputError(f"{path} is not UTF-8 ({place}): {remedy}") from error
    if text.startswith("\ufeff"):
        raise InputError(f"{path} starts with a byte order mark (U+FEFF): {remedy}")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply: write it again") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
