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
    option("checkpoints", nargs="+", metavar="CHECKPOINT", help="checkpoints to set side by side"),
    option(
        "--measures",
        nargs="+",
        default=["loss", "one_step", "search", "average", "eigenvalues", "trace", "density"],
        metavar="NAME",
        help="some of loss, one_step, search, average, eigenvalues, trace, density (all)",
    ),
    option("--samples", type=int, default=1000, metavar="N", help="training samples (1000)"),
    option("--batch-size", type=int, metavar="N", help="samples at a time (the config's)"),
    option("--rho", nargs="+", type=float, default=[0.05], help="radii of sharpness (0.05)"),
    option(
        "--adaptive-rho",
        nargs="+",
        type=float,
        default=[0.5],
        metavar="RHO",
        help="radii of the adaptive form (0.5)",
    ),
    option(
        "--filter-rho",
        nargs="+",
        type=float,
        default=[0.05],
        metavar="RHO",
        help="radii of the filter form (0.05)",
    ),
    option(
        "--forms",
        nargs="+",
        default=["plain", "adaptive", "filter"],
        metavar="FORM",
        help="of sharpness, some of plain, adaptive, filter (all)",
    ),
    option(
        "--search-steps",
        type=int,
        default=10,
        metavar="N",
        help="steps of the search for the worst and the best case (10)",
    ),
    option("--sigma", nargs="+", type=float, default=[0.01], help="of noise in the weights (0.01)"),
    option("--draws", type=int, default=10, metavar="N", help="of that noise (10)"),
    option("--eigenvalues", type=int, default=1, metavar="K", help="how many of the largest (1)"),
    option(
        "--tolerance",
        type=float,
        default=0.01,
        help="largest residual of an eigenvalue, relative to it (0.01)",
    ),
    option("--probes", type=int, default=30, metavar="N", help="products for the trace (30)"),
    option("--hutch-plus-plus", action="store_true", help="estimate the trace by Hutch++"),
    option("--density-runs", type=int, default=4, metavar="N", help="runs for the density (4)"),
    option("--density-steps", type=int, default=20, metavar="N", help="products in each (20)"),
    option("--train-mode", action="store_true", help="batch norm uses each batch's statistics"),
    option("--dtype", default="float32", help="float32 or float64 (float32)"),
    option("--device", help="such as cpu or cuda (a GPU where there is one)"),
    option("--seed", type=int, default=0, help="of all random vectors (0)"),
    option("--out", type=Path, metavar="DIR", help="new folder (work_dirs/flatness/CONFIG)"),
    CFG_OPTIONS,
    LAUNCHER,
    LOCAL_RANK,
)
def analyze_flatness(args: Namespace) -> None:
    """Measure how flat the loss is around trained weights: sharpness and the Hessian."""
    import bsam_suite.quantization  # noqa: F401  packed checkpoints can be read
    from bsam_suite.flatness.command import analyze

    analyze(args)


@command(
    CONFIG,
    option(
        "checkpoints", nargs="+", metavar="CHECKPOINT", help="checkpoints of the config's model"
    ),
    option(
        "--along",
        choices=["random", "hessian", "checkpoints", "pca"],
        default="random",
        help="around each checkpoint, along filter-normalised random directions (the default) or "
        "the Hessian's top eigenvectors; on the line or plane through two or three checkpoints; "
        "or around one, along the principal components of --path",
    ),
    option("--dims", type=int, choices=[1, 2], help="lines or planes (2)"),
    option(
        "--path",
        nargs="+",
        metavar="CHECKPOINT",
        help="checkpoints of a run, to be drawn on the plane as its path",
    ),
    option("--points", type=int, metavar="N", help="places on each axis (51 of lines, 25)"),
    option(
        "--range",
        type=float,
        metavar="R",
        help="half the length of the axes (1 around a checkpoint, else what holds all marks)",
    ),
    option(
        "--batch-norm",
        choices=["running", "anew"],
        help="statistics of batch norm: the checkpoint's (default around a checkpoint), or "
        "computed anew at each place (default else)",
    ),
    option("--samples", type=int, default=1000, metavar="N", help="of the training data (1000)"),
    option("--batch-size", type=int, metavar="N", help="samples at a time (as in training)"),
    option("--device", help="such as cpu or cuda (a GPU where there is one)"),
    option("--seed", type=int, default=0, help="of random directions (0)"),
    option("--out", type=Path, metavar="DIR", help="folder (work_dirs/landscape/CONFIG)"),
    CFG_OPTIONS,
    stopped="stopped; nothing is written",
)
def plot_landscape(args: Namespace) -> None:
    """Draw the loss around checkpoints, or on the line or plane through them."""
    import bsam_suite.quantization  # noqa: F401  packed checkpoints can be read
    from bsam_suite.flatness import plot_landscape

    out = plot_landscape.plot_landscape(args)
    print(f"Landscape: {out}/landscape.png, .html, .json")


COMMANDS = {
    one.name: one for one in (train, test, compare, export_onnx, analyze_flatness, plot_landscape)
}
