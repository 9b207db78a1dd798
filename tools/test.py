"""Evaluate a checkpoint."""

import argparse
import os

from bsam_suite.options import KeyValues
from bsam_suite.tool import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file")
    parser.add_argument("checkpoint", help="checkpoint file, .pth or packed .safetensors")
    parser.add_argument("--work-dir", help="folder for logs and metrics")
    parser.add_argument("--dump", metavar="FILE.pkl", help="write all predictions to this file")
    parser.add_argument("--show-dir", help="folder for the pictures of predictions")
    parser.add_argument(
        "--cfg-options", nargs="+", action=KeyValues, metavar="KEY=VALUE", help="config overrides"
    )
    parser.add_argument("--launcher", choices=["none", "pytorch", "slurm"], default="none")
    parser.add_argument("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    return args


def main() -> None:
    args = parse_args()
    import bsam_suite.quantization  # noqa: F401  packed checkpoints can be read
    from bsam_suite.engine.launch import test

    test(args)


if __name__ == "__main__":
    run(main)
