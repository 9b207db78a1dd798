"""Write what was trained for other programs."""

from __future__ import annotations

from argparse import Namespace

from bsam_suite.command import CFG_OPTIONS, CHECKPOINT, CONFIG, command, option


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
