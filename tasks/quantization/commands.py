"""The commands of quantization."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from bsam_suite.command import CFG_OPTIONS, CHECKPOINT, CONFIG, QUIET, command, option
from bsam_suite.quiet import tell
from bsam_suite.shell import next_command, short


@command(
    CONFIG,
    CHECKPOINT,
    option("--bits", nargs="+", type=int, metavar="N", help="bits of weights and inputs (8 4 3 2)"),
    option("--out", metavar="DIR", help="folder for results (quantized, beside the checkpoint)"),
    option("--weight-type", metavar="NAME", help="quantizer of weights"),
    option("--activation-type", metavar="NAME", help="quantizer of inputs"),
    option(
        "--calibration-batches", type=int, metavar="N", help="training batches to calibrate on (4)"
    ),
    option(
        "--rounding",
        choices=["nearest", "learned"],
        help="of weights, without training: to the nearest level (the default), or up or down as "
        "is best for the layers' outputs (AdaRound)",
    ),
    option(
        "--rounding-steps", type=int, metavar="N", help="of learned rounding, for a layer (1000)"
    ),
    option("--skip", nargs="+", metavar="PATTERN", help="layers that stay float, such as 'head.*'"),
    CFG_OPTIONS,
    QUIET,
)
def eval_quantized(args: Namespace) -> None:
    """Quantization: evaluate a float or quantized model at several bit-widths."""
    from tasks.quantization.evaluate.bit_widths import evaluate
    from tasks.quantization.evaluate.request import Request

    names = Request.__dataclass_fields__
    given = {k: v for k, v in vars(args).items() if k in names and v is not None}
    results = evaluate(Request(**given))
    results.print()
    if any(row.method == "QAT" for row in results.rows):
        out = f"{Path(args.checkpoint).stem}.onnx"
        tell(next_command("export_quantized", args, short(args.checkpoint), "--out", out))
    else:
        tell("Next: train at the bits that lose too much, as docs/quantization.md shows")


@command(
    option("config", help="config file of the quantized model"),
    CHECKPOINT,
    option("--out", required=True, metavar="FILE", help="new file, .safetensors or .onnx"),
    option(
        "--batches",
        type=int,
        default=4,
        metavar="N",
        help="validation batches that ONNX Runtime is checked with (default 4)",
    ),
    option(
        "--form",
        choices=["auto", "fast", "exact"],
        default="auto",
        help="of ONNX: as many layers as possible on integers, none, or (auto, the default) as "
        "many as the model's answers allow",
    ),
    option(
        "--int4",
        action="store_true",
        help="in ONNX, store weights of up to 4 bits as int4: a smaller file, and a slower one",
    ),
    CFG_OPTIONS,
    QUIET,
)
def export_quantized(args: Namespace) -> None:
    """Quantization: write a model at its bits, packed (.safetensors) or as ONNX (.onnx)."""
    from bsam_suite.quantization.command import export

    done = export(
        args.config,
        args.checkpoint,
        args.out,
        args.batches,
        args.int4,
        args.cfg_options,
        args.form,
    )
    tell(done)
    if args.out.endswith(".onnx"):
        tell("Next: run it in any runtime; its inputs and outputs are told in docs/onnx.md")
    else:
        tell(next_command("test", args, short(args.out)))
