"""The commands of segmentation."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from bsam_suite.command import CFG_OPTIONS, CHECKPOINT, CONFIG, QUIET, command, option


@command(
    CONFIG,
    CHECKPOINT,
    option("inputs", type=Path, nargs="+", metavar="IMAGES|FOLDER|VIDEO", help="what to look at"),
    option("--out", type=Path, metavar="DIR", help="new folder (work_dirs/predict/INPUT)"),
    CFG_OPTIONS,
    QUIET,
)
def predict_masks(args: Namespace) -> None:
    """Segmentation: find the class of each pixel: masks, pictures and a contact sheet."""
    from tasks.segmentation.predict import predict

    predict(args)
