"""Evaluate pose estimation results (COCO keypoints) against annotations, without a model."""

import argparse
from pathlib import Path

from bsam_suite.tool import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations", type=Path, help="COCO file with keypoints of persons")
    parser.add_argument("results", type=Path, help="COCO results of keypoints (.json)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="new folder (evaluation, beside the results)"
    )
    parser.add_argument(
        "--oks-nms",
        type=float,
        metavar="THR",
        help="first drop results whose similarity (OKS) to a better one exceeds this, such as 0.9",
    )
    parser.add_argument(
        "--backend",
        default="pycocotools",
        help="what computes AP: pycocotools (default) or faster-coco-eval; the numbers are equal",
    )
    parser.add_argument(
        "--metainfo",
        metavar="FILE",
        help="MMPose's description of the keypoints, a file or the name of one of MMPose's "
        "(default: the category in the annotations)",
    )
    parser.add_argument(
        "--sigmas",
        type=float,
        nargs="+",
        metavar="S",
        help="OKS constant of each keypoint (default: of the metainfo; COCO's for keypoints of "
        "COCO's names, 0.05 for others)",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from tasks.pose.evaluate.command import evaluate

    evaluate(args)


if __name__ == "__main__":
    run(main)
