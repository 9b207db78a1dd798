"""The library's commands."""

from __future__ import annotations

import signal
import sys
from argparse import Namespace
from pathlib import Path

from bsam_suite.command import (
    CFG_OPTIONS,
    CHECKPOINT,
    CONFIG,
    LAUNCHER,
    LOCAL_RANK,
    SHOW_DIR,
    WORK_DIR,
    command,
    option,
)
from bsam_suite.options import KeyValues, NameAndValues


@command(
    CONFIG,
    option(
        "--rule",
        nargs="+",
        action=NameAndValues,
        metavar=("RULE", "KEY=VALUE"),
        help="train with this rule and these hyperparameters, such as BSAM rho=0.1, whatever the "
        "config says; none is the config's optimizer alone",
    ),
    WORK_DIR,
    option(
        "--resume",
        nargs="?",
        const="auto",
        metavar="auto|FILE",
        help="go on with the latest checkpoint of the work directory, or with FILE",
    ),
    option("--amp", action="store_true", help="automatic mixed precision"),
    option("--no-validate", action="store_true", help="train without validation"),
    option(
        "--auto-scale-lr", action="store_true", help="scale the learning rate with the batch size"
    ),
    SHOW_DIR,
    option("--seed", type=int, help="seed of all chance (0, or the resumed run's)"),
    CFG_OPTIONS,
    LAUNCHER,
    LOCAL_RANK,
)
def train(args: Namespace) -> None:
    """Train a model with an MMEngine config, under any sharpness-aware rule."""
    from bsam_suite.engine import launch

    launch.train(args)


@command(
    CONFIG,
    CHECKPOINT,
    WORK_DIR,
    option("--dump", metavar="FILE.pkl", help="write all predictions to this file"),
    SHOW_DIR,
    CFG_OPTIONS,
    LAUNCHER,
    LOCAL_RANK,
)
def test(args: Namespace) -> None:
    """Evaluate a checkpoint."""
    import bsam_suite.quantization  # noqa: F401  packed checkpoints can be read
    from bsam_suite.engine import launch

    launch.test(args)


@command(
    CONFIG,
    option(
        "--rules",
        nargs="+",
        required=True,
        metavar="RULE",
        help="rules such as SAM and BSAM; none is the config's optimizer alone. Differences are "
        "taken to the first",
    ),
    option("--seeds", type=int, default=5, metavar="N", help="seeds 0 to N - 1 (5)"),
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
    option("--jobs", type=int, default=1, metavar="N", help="runs at a time (1)"),
    option("--out", type=Path, metavar="DIR", help="folder (work_dirs/compare/CONFIG)"),
    CFG_OPTIONS,
    stopped="stopped; the same command goes on",
)
def compare(args: Namespace) -> None:
    """Train one config under several rules and seeds, and measure the differences."""
    from bsam_suite.compare import command

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the runs as Ctrl-C does
    failed = command.compare(args)
    if failed:
        sys.exit(f"{failed} runs failed: correct the cause and repeat the command")


@command(
    CONFIG,
    CHECKPOINT,
    option("--out", required=True, metavar="FILE", help="new file, .onnx"),
    option("--batches", type=int, default=1, metavar="N", help="validation batches to check (1)"),
    CFG_OPTIONS,
)
def export_onnx(args: Namespace) -> None:
    """Write a trained float model as ONNX, checked against PyTorch on validation data."""
    from bsam_suite.onnx.command import export

    print(export(args.config, args.checkpoint, args.out, args.batches, args.cfg_options))


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
)
def find_rho(args: Namespace) -> None:
    """Find the radius to train with, by looks along the gradient and a few short runs."""
    from bsam_suite.rho_finder import command

    command.find_rho(args)


COMMANDS = {one.name: one for one in (train, test, compare, export_onnx, find_rho)}
