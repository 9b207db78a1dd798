"""What ``bsam compare`` does."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from bsam_suite.compare.plan import plan
from bsam_suite.compare.report import report
from bsam_suite.compare.results import collect
from bsam_suite.compare.run import run_all
from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.disk_errors import report_disk_errors
from bsam_suite.errors import InputError
from bsam_suite.options import Typed, items, meaning


def compare(args: Namespace) -> int:
    """Make the runs that are missing and report on all.

    Returns:
        The number of runs that failed.

    Raises:
        InputError: an argument cannot be used.
    """
    patch_mmengine()
    if args.jobs < 1:
        raise InputError(f"--jobs {args.jobs}: give a number from 1")
    out = args.out or Path("work_dirs/compare") / Path(args.config).stem
    grid = {name: _values(name, text) for name, text in args.grid.items()}
    runs = plan(
        args.config, args.rules, args.seeds, grid, args.equal_compute, args.cfg_options, out
    )
    print(f"{len(runs)} runs in {out}", flush=True)
    with report_disk_errors(out):
        failed = run_all(runs, args.jobs, out)
        metric, records = collect(runs, args.metric)
        report(records, metric, args.command_line, out)
    print(f"Results: {out}/results.md, .csv, .json, .png")
    return len(failed)


def _values(name: str, text: str) -> list:
    """The values of ``NAME=A,B``; those of a config field are parsed later, by its type."""
    typed = [Typed(part) for part in items(text)]
    return typed if "." in name else [meaning(value) for value in typed]
