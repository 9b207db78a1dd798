"""Find the keypoints of persons: results in COCO's format, pictures and a contact sheet."""

import argparse
from pathlib import Path

from bsam_suite.tool import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "checkpoint", help="of a top-down pose model: .pth, packed .safetensors or .onnx"
    )
    parser.add_argument(
        "inputs", type=Path, nargs="+", metavar="IMAGES|FOLDER|VIDEO", help="what to look at"
    )
    parser.add_argument("--config", help="config file (the one recorded in the checkpoint)")
    persons = parser.add_mutually_exclusive_group()
    persons.add_argument(
        "--boxes",
        type=Path,
        metavar="FILE",
        help="where persons are: COCO annotations, or a detector's COCO results "
        "(otherwise each picture is one person)",
    )
    persons.add_argument(
        "--detector",
        metavar="NAME",
        help="find persons by a detector of torchvision whose weights are on disk, such as "
        "fasterrcnn_mobilenet_v3_large_320_fpn",
    )
    parser.add_argument(
        "--annotations",
        type=Path,
        metavar="FILE",
        help="COCO file that tells the ids of images, for --boxes with results "
        "(1, 2, 3, ... or the numbers of the file names)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="new folder (work_dirs/predict/INPUT)"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from tasks.pose.predict.command import predict

    predict(args)


if __name__ == "__main__":
    run(main)
