"""``bsam NAME ...``, also as ``python -m bsam_suite NAME ...``."""

from __future__ import annotations

import runpy
import sys

from bsam_suite import __version__
from bsam_suite.command import Command
from bsam_suite.commands import COMMANDS
from bsam_suite.nearest import did_you_mean
from bsam_suite.shell import ROOT, is_clone


def main() -> None:
    """Run the command that the first word names."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name == "--version":
        print(__version__)
        return
    found = commands()
    if name in ("-h", "--help"):
        lines = [f"  {one.name:<18}{one.help}" for one in found.values()]
        print("usage: bsam COMMAND ...\n\n" + "\n".join(lines))
        print("\nbsam COMMAND --help tells what it takes.")
    elif name in found:
        found[name](rest, f"bsam {name}")
    else:
        sys.exit(f"error: bsam has no command {name!r}{did_you_mean(name, found)}")


def commands() -> dict[str, Command]:
    """The library's commands; in a clone also those of its tasks, which stand in ``tools/``."""
    files = sorted((ROOT / "tools").glob("*.py")) if is_clone() else []
    others = [file for file in files if file.stem not in COMMANDS]
    return COMMANDS | {file.stem: runpy.run_path(str(file))["command"] for file in others}


if __name__ == "__main__":
    main()
