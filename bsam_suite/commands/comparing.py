"""Compare rules, and find the radius of one."""

from __future__ import annotations

import signal
import sys
from argparse import Namespace
from pathlib import Path

from bsam_suite.command import CFG_OPTIONS, CONFIG, QUIET, command, option
from bsam_suite.options import KeyValues, NameAndValues


@command(
    option(
        "config",
        help="config file, PACKAGE::FILE for one of an installed package, or a study "
        "(docs/compare.md)",
    ),
    option(
        "--rules",
        nargs="+",
        metavar="RULE",
        help="rules such as SAM and BSAM; none is the config's optimizer alone. Differences are "
        "taken to the first",
    ),
    option("--seeds", type=int, metavar="N", help="seeds 0 to N - 1 (5)"),
    option(
        "--grid",
        nargs="+",
        default={},
        action=KeyValues,
        metavar="KEY=A,B",
        help="values to try: of hyperparameters (rho=0.05,0.1), or of fields of the config",
    ),
    option(
        "--equal-compute",
        action="store_true",
        help="also the optimizer alone with as many epochs as make up for the rules' passes",
    ),
    option("--metric", help="what to compare (the evaluator's first)"),
    option("--jobs", type=int, default=1, metavar="N", help="runs at a time (1), of each job"),
    option(
        "--submit",
        nargs="*",
        action=KeyValues,
        metavar="KEY=VALUE",
        help="make the runs in jobs of a cluster, by submitit: timeout_min, slurm_partition, "
        "slurm_array_parallelism ... of it (docs/compare.md)",
    ),
    option("--out", type=Path, metavar="DIR", help="folder (work_dirs/compare/CONFIG)"),
    option(
        "--records",
        type=Path,
        metavar="DIR",
        help="folder of a small file for each finished run, to go on from on any machine "
        "(OUT/records)",
    ),
    option("--report", action="store_true", help="make no runs, only report on the records"),
    CFG_OPTIONS,
    QUIET,
    stopped="stopped; the same command goes on",
)
def compare(args: Namespace) -> None:
    """Train one config, or those of a study, under several rules and seeds, and compare them."""
    from bsam_suite.compare import command

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the runs as Ctrl-C does
    failed = command.compare(args)
    if failed:
        sys.exit(f"{failed} runs failed: correct the cause and repeat the command")


@command(
    CONFIG,
    option(
        "--rule",
        nargs="+",
        required=True,
        action=NameAndValues,
        metavar=("RULE", "KEY=VALUE"),
        help="the rule, such as BSAM k=5, without its radii",
    ),
    option("--steps", type=int, metavar="N", help="of a short run (a fifth of all, at most 300)"),
    option(
        "--radii",
        nargs="+",
        type=float,
        metavar="R",
        help="to look at and to search between (0.005 0.01 0.02 0.05 ... 5)",
    ),
    option("--looks", type=int, default=16, metavar="N", help="batches to look at (16)"),
    option("--seed", type=int, default=0, help="seed of all chance (0)"),
    option("--out", type=Path, metavar="DIR", help="folder (work_dirs/find_rho/CONFIG)"),
    CFG_OPTIONS,
    QUIET,
)
def find_rho(args: Namespace) -> None:
    """Find the radius to train with, by looks along the gradient and a few short runs."""
    from bsam_suite.rho_finder import command

    command.find_rho(args)
