"""The page of figures, docs/benchmarks.md, measured anew on this machine.

    python benchmarks/page.py --coco /path/to/coco > benchmarks.md

The page says itself how its figures are made: they stand behind the commands that print them. Each
command is run, and what it prints takes the place of the figures. All other text stays, so read it
again. Figures stay as they are where a command fails, and where it needs COCO and there is none.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from datetime import date
from functools import partial
from itertools import groupby
from pathlib import Path

import torch
from timing import processor

ROOT = Path(__file__).parents[1]
PART = re.compile(
    r"(?P<head>```bash\n(?P<commands>[^`]*)```\n\n<!-- figures -->\n)"
    r"(?P<figures>.*?)(?P<end>\n<!-- end of figures -->)",
    re.DOTALL,
)
COCO = "/path/to/coco"


def measured(part: re.Match, coco: str | None) -> str:
    """A part of the page with the figures of this machine."""
    commands = part["commands"].replace("\\\n", " ")
    if COCO in commands and coco is None:
        print(f"left as it is, --coco is not given:\n{part['commands']}", file=sys.stderr)
        return part[0]
    printed = [run(line.replace(COCO, str(coco))) for line in commands.splitlines()]
    if None in printed:
        return part[0]
    figures = "\n\n".join([f"*{machine()}*", *map(as_markdown, filter(None, printed))])
    return part["head"] + figures + part["end"]


def run(command: str) -> str | None:
    """What a command prints; None if it fails."""
    print(f"$ {command}", file=sys.stderr, flush=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    python = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    env = dict(os.environ, PATH=path, PYTHONPATH=python, TERM="dumb")
    done = subprocess.run(command, shell=True, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE)
    if done.returncode:
        print(f"failed with status {done.returncode}, its figures stay", file=sys.stderr)
    return None if done.returncode else done.stdout.strip().replace(str(Path.home()), "~")


def as_markdown(printed: str) -> str:
    """Tables of Markdown as they are, all else as a block of text."""
    blocks = []
    for table, lines in groupby(printed.splitlines(), lambda line: line.startswith("|")):
        text = "\n".join(lines)
        blocks.append(text if table else f"```text\n{text}\n```")
    return "\n\n".join(blocks)


def machine() -> str:
    """What the figures were measured on, and when."""
    parts = [processor(), f"{torch.get_num_threads()} threads"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    parts += [f"PyTorch {torch.__version__}", f"Python {platform.python_version()}"]
    return ", ".join([*parts, str(date.today())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", nargs="?", type=Path, default=ROOT / "docs/benchmarks.md")
    parser.add_argument("--coco", metavar="DIR", help="COCO, for the loaders of photographs")
    args = parser.parse_args()
    print(PART.sub(partial(measured, coco=args.coco), args.page.read_text()), end="")


if __name__ == "__main__":
    main()
