"""Shipped configs of MMPreTrain, MMDetection and MMSegmentation trained with BSAM, on tiny data.

    python benchmarks/openmmlab.py [mmpretrain mmdet mmseg] [--folder DIR]

Each package is installed as it is on the registry, in an environment of its own that uv makes, and
so is the suite. Prints a table of what ran. With --folder, what is made
stays in DIR, and environments that are there are used again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

from openmmlab_cases import CASES
from openmmlab_data import make_data

from bsam_suite.compat.openmmlab import PACKAGES

ROOT = Path(__file__).parents[1]
HEAD = "| config | million weights | loss | loss, bfloat16 | evaluation |\n| --- |" + " ---: |" * 4


def main() -> None:
    """Make the environments and the data, and run all packages; exit status 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--folder", type=Path, help="where all stays that is made")
    args = parser.parse_args()
    for package in args.packages:
        if package not in CASES:
            parser.error(f"{package}: give some of {', '.join(CASES)}")
    failed = []
    with tempfile.TemporaryDirectory() if not args.folder else nullcontext(args.folder) as place:
        folder = Path(place).resolve()
        make_data(folder / "data")
        for package in args.packages or CASES:
            python = environment(folder / f"env-{package}", PACKAGES[package])
            print(f"\n{package}\n\n{HEAD}", flush=True)
            command = [python, "-W", "ignore", ROOT / "benchmarks/openmmlab_runs.py"]
            if subprocess.run([*command, package, folder], cwd=ROOT).returncode:
                failed.append(package)
    if failed:
        sys.exit(f"error: {', '.join(failed)}: see above")


def environment(place: Path, packages: list[str]) -> Path:
    """The interpreter of an environment with the suite and ``packages``, made if there is none."""
    python = place / "bin/python"
    if not python.is_file():
        path = os.pathsep.join([os.environ["PATH"], str(Path(sys.executable).parent)])
        env = {**os.environ, "PATH": path, "UV_LINK_MODE": "hardlink"}
        install = ["uv", "pip", "install", "--quiet", "--python", python, "-e", ROOT, *packages]
        made = ["uv", "venv", "--quiet", "--python", sys.executable, place]
        for command in (made, install):
            subprocess.run(command, cwd=ROOT, env=env, check=True)
    return python


if __name__ == "__main__":
    main()
