"""Measure and draw how flat the loss is."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from bsam_suite.command import CFG_OPTIONS, CONFIG, LAUNCHER, LOCAL_RANK, QUIET, command, option
from bsam_suite.quiet import tell


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
    QUIET,
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
    QUIET,
    stopped="stopped; nothing is written",
)
def plot_landscape(args: Namespace) -> None:
    """Draw the loss around checkpoints, or on the line or plane through them."""
    import bsam_suite.quantization  # noqa: F401  packed checkpoints can be read
    from bsam_suite.flatness import plot_landscape

    out = plot_landscape.plot_landscape(args)
    tell(f"Landscape: {out}/landscape.png, .html, .json")
    tell(f"Next: open {out}/landscape.html in a browser, where it turns and zooms")
