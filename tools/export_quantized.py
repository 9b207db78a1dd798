"""Write a quantized model's checkpoint at its bits (.safetensors) or as ONNX (.onnx)."""

import argparse

from bsam_suite.options import KeyValues
from bsam_suite.tool import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file of the quantized model")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="new file, .safetensors or .onnx"
    )
    parser.add_argument(
        "--batches",
        type=int,
        default=4,
        metavar="N",
        help="validation batches that ONNX Runtime is checked with (default 4)",
    )
    parser.add_argument(
        "--form",
        choices=["auto", "fast", "exact"],
        default="auto",
        help="of ONNX: as many layers as possible on integers, none, or (auto, the default) as "
        "many as the model's answers allow",
    )
    parser.add_argument(
        "--int4",
        action="store_true",
        help="in ONNX, store weights of up to 4 bits as int4: a smaller file, and a slower one",
    )
    parser.add_argument(
        "--cfg-options", nargs="+", action=KeyValues, metavar="KEY=VALUE", help="config overrides"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
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
    print(done)


if __name__ == "__main__":
    run(main)
