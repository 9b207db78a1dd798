"""Draw samples of a pose dataset after augmentation, with their keypoints and targets."""

import argparse
from pathlib import Path

from bsam_suite.options import KeyValues
from bsam_suite.tool import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file")
    parser.add_argument("--split", choices=["train", "val"], default="train", help="(train)")
    parser.add_argument("--number", type=int, default=24, metavar="N", help="samples (24)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="image, .png or .jpg (work_dirs/browse/CONFIG_SPLIT.png)",
    )
    parser.add_argument(
        "--cfg-options", nargs="+", action=KeyValues, metavar="KEY=VALUE", help="config overrides"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from tasks.pose.browse.command import browse

    print(f"Samples: {browse(args)}")


if __name__ == "__main__":
    run(main)
