"""The commands of pose estimation."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from bsam_suite.command import CFG_OPTIONS, CONFIG, QUIET, command, one_of, option
from bsam_suite.quiet import tell
from bsam_suite.shell import next_command, tool


@command(
    option("checkpoint", help="of a top-down pose model: .pth, packed .safetensors or .onnx"),
    option("inputs", type=Path, nargs="+", metavar="IMAGES|FOLDER|VIDEO", help="what to look at"),
    option("--config", help="config file (the one recorded in the checkpoint)"),
    one_of(
        option(
            "--boxes",
            type=Path,
            metavar="FILE",
            help="where persons are: COCO annotations, or a detector's COCO results "
            "(otherwise each picture is one person)",
        ),
        option(
            "--detector",
            metavar="NAME",
            help="find persons by a detector of torchvision whose weights are on disk, such "
            "as fasterrcnn_mobilenet_v3_large_320_fpn",
        ),
    ),
    option(
        "--annotations",
        type=Path,
        metavar="FILE",
        help="COCO file that tells the ids of images, for --boxes with results "
        "(1, 2, 3, ... or the numbers of the file names)",
    ),
    option("--out", type=Path, metavar="DIR", help="new folder (work_dirs/predict/INPUT)"),
    QUIET,
)
def predict(args: Namespace) -> None:
    """Pose: find the keypoints of persons: COCO results, pictures and a contact sheet."""
    from tasks.pose.predict import command

    command.predict(args)


@command(
    option("annotations", type=Path, help="COCO file with keypoints of persons"),
    option("results", type=Path, help="COCO results of keypoints (.json)"),
    option("--out", type=Path, metavar="DIR", help="new folder (evaluation, beside the results)"),
    option(
        "--oks-nms",
        type=float,
        metavar="THR",
        help="first drop results whose similarity (OKS) to a better one exceeds this, such as 0.9",
    ),
    option(
        "--backend",
        default="pycocotools",
        help="what computes AP: pycocotools (default) or faster-coco-eval; the numbers are equal",
    ),
    option(
        "--metainfo",
        metavar="FILE",
        help="MMPose's description of the keypoints, a file or the name of one of MMPose's "
        "(default: the category in the annotations)",
    ),
    option(
        "--sigmas",
        type=float,
        nargs="+",
        metavar="S",
        help="OKS constant of each keypoint (default: of the metainfo; COCO's for keypoints of "
        "COCO's names, 0.05 for others)",
    ),
)
def eval_pose(args: Namespace) -> None:
    """Pose: evaluate keypoint results in COCO's format against annotations, without a model."""
    from tasks.pose.evaluate.command import evaluate

    evaluate(args)


@command(
    option(
        "root",
        type=Path,
        help="folder with annotations/person_keypoints_*.json and the folders of images",
    ),
    option("--no-images", action="store_true", help="do not decode the images"),
    option(
        "--out", type=Path, metavar="DIR", help="also write report.json, report.md and a picture"
    ),
    QUIET,
    stopped="stopped; nothing was written",
)
def check_dataset(args: Namespace) -> None:
    """Pose: check a keypoint set in the COCO format before training; faults: exit status 1."""
    from tasks.pose.check.command import check

    report = check(args)
    if report.faults:
        sys.exit(f"{report.verdict}\nNext: correct the faults, and repeat the command")
    tell(report.verdict, f"Next: {tool('browse_dataset')} CONFIG, to see what training sees")


@command(
    CONFIG,
    option("--split", choices=["train", "val"], default="train", help="(train)"),
    option("--number", type=int, default=24, metavar="N", help="samples (24)"),
    option(
        "--out",
        type=Path,
        metavar="FILE",
        help="picture, .png or .jpg (work_dirs/browse/CONFIG_SPLIT.png)",
    ),
    CFG_OPTIONS,
)
def browse_dataset(args: Namespace) -> None:
    """Pose: draw samples as training sees them: augmented, with keypoints and targets."""
    from tasks.pose.browse.command import browse

    print(f"Samples: {browse(args)}")
    print(next_command("train", args))
