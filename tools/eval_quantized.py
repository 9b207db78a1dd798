"""Evaluate a checkpoint at several bit-widths: metric, size and bit operations."""

import argparse

from bsam_suite.options import KeyValues
from bsam_suite.tool import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file of a float or of a quantized model")
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--bits", nargs="+", type=int, metavar="N", help="widths of weights and inputs (8 4 3 2)"
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder for results (quantized, beside the checkpoint)"
    )
    parser.add_argument("--weight-type", metavar="NAME", help="quantizer of weights")
    parser.add_argument("--activation-type", metavar="NAME", help="quantizer of inputs")
    parser.add_argument(
        "--calibration-batches", type=int, metavar="N", help="training batches to calibrate on (4)"
    )
    parser.add_argument(
        "--skip", nargs="+", metavar="PATTERN", help="layers that stay float, such as 'head.*'"
    )
    parser.add_argument(
        "--cfg-options", nargs="+", action=KeyValues, metavar="KEY=VALUE", help="config overrides"
    )
    return parser.parse_args()


def main() -> None:
    given = {name: value for name, value in vars(parse_args()).items() if value is not None}
    from tasks.quantization.evaluate.bit_widths import evaluate
    from tasks.quantization.evaluate.request import Request

    evaluate(Request(**given)).print()


if __name__ == "__main__":
    run(main)
