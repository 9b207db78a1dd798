"""What the parts of ``gpu.sh`` share: where they run, how small, and where their rows go."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import torch


class Setting(NamedTuple):
    """Where and how a part runs."""

    out: Path
    tiny: bool
    seconds: float
    device: str

    def report(self, part: str, title: str, rows: list[dict]) -> None:
        """Print rows with the same keys as a table, and append each to results.jsonl."""
        cells = [list(rows[0]), *([str(v) for v in row.values()] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells)]
        print(f"\n{title}")
        for line in cells:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
        print(flush=True)
        with (self.out / "results.jsonl").open("a") as file:
            for row in rows:
                file.write(json.dumps(dict(part=part, title=title, **row)) + "\n")


def setting(doc: str) -> Setting:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("out", type=Path, help="folder of results.jsonl")
    parser.add_argument("--tiny", action="store_true", help="the smallest run that uses it all")
    parser.add_argument("--seconds", type=float, default=60, help="no new case after these")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Setting(args.out, args.tiny, args.seconds, device)
