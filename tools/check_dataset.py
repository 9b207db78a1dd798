"""Check a pose dataset with COCO keypoints for faults; exit status 1 if there are any."""

import argparse
import sys
from pathlib import Path

from bsam_suite.tool import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "root",
        type=Path,
        help="folder with annotations/person_keypoints_*.json and the image folders",
    )
    parser.add_argument("--no-images", action="store_true", help="do not decode the images")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="also write report.json, report.md and an image"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from tasks.pose.check.command import check

    report = check(args)
    if report.faults:
        sys.exit(report.verdict)
    print(report.verdict)


if __name__ == "__main__":
    run(main, stopped="stopped; nothing was written")
