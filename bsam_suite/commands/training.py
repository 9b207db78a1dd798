"""Train, and test what was trained."""

from __future__ import annotations

from argparse import Namespace

from bsam_suite.command import (
    CFG_OPTIONS,
    CHECKPOINT,
    CONFIG,
    LAUNCHER,
    LOCAL_RANK,
    QUIET,
    SHOW_DIR,
    WORK_DIR,
    command,
    option,
)
from bsam_suite.options import NameAndValues


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
    option("--tensorboard", action="store_true", help="also write the logs for TensorBoard"),
    option("--seed", type=int, help="seed of all chance (0, or the resumed run's)"),
    CFG_OPTIONS,
    QUIET,
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
    QUIET,
    LAUNCHER,
    LOCAL_RANK,
)
def test(args: Namespace) -> None:
    """Evaluate a checkpoint."""
    import bsam_suite.quantization  # noqa: F401  packed checkpoints can be read
    from bsam_suite.engine import launch

    launch.test(args)
