"""Write a trained float model as ONNX, checked against PyTorch on validation data."""

import argparse

from bsam_suite.options import KeyValues
from bsam_suite.tool import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument("--out", required=True, metavar="FILE", help="new file, .onnx")
    parser.add_argument(
        "--batches", type=int, default=1, metavar="N", help="validation batches to check (1)"
    )
    parser.add_argument(
        "--cfg-options", nargs="+", action=KeyValues, metavar="KEY=VALUE", help="config overrides"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from bsam_suite.onnx.command import export

    print(export(args.config, args.checkpoint, args.out, args.batches, args.cfg_options))


if __name__ == "__main__":
    run(main)
