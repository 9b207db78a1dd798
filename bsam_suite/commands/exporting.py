"""Write what was trained for other programs."""

from __future__ import annotations

from argparse import Namespace

from bsam_suite.command import CFG_OPTIONS, CHECKPOINT, CONFIG, QUIET, command, option
from bsam_suite.quiet import tell


@command(
    CONFIG,
    CHECKPOINT,
    option("--out", required=True, metavar="FILE", help="new file, .onnx"),
    option("--batches", type=int, default=1, metavar="N", help="validation batches to check (1)"),
    CFG_OPTIONS,
    QUIET,
)
def export_onnx(args: Namespace) -> None:
    """Write a trained float model as ONNX, checked against PyTorch on validation data."""
    from bsam_suite.onnx.command import export

    tell(export(args.config, args.checkpoint, args.out, args.batches, args.cfg_options))
    tell("Next: run it in any runtime; its inputs and outputs are told in docs/onnx.md")
