"""The command behind ``tools/browse_dataset.py``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import cv2
import numpy as np

from bsam_suite.errors import InputError
from bsam_suite.pictures.contact_sheet import contact_sheet
from tasks.pose.browse.samples import BLANK, Sample, load_samples
from tasks.pose.visualization import draw_person

HEIGHT, COLUMNS = 256, 4
"""Height of a drawn input in pixels, and samples per row."""


def browse(args: Namespace) -> Path:
    """Draw samples of a config's data set and return the file of the sheet.

    Raises:
        InputError: an argument cannot be used.
    """
    if args.number < 1:
        raise InputError(f"--number {args.number}: give a number from 1")
    default = Path("work_dirs/browse") / f"{Path(args.config).stem}_{args.split}.png"
    path = args.out or default
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise InputError(f"--out {path}: give a name that ends in .png or .jpg")
    if args.out is not None and args.out.exists():
        raise InputError(f"--out {args.out} exists: remove it, or give another name")
    samples = load_samples(args.config, args.split, args.number, args.cfg_options)
    if any(sample.targets is None and sample.image is not BLANK for sample in samples):
        print("Only keypoints are drawn: the pipeline makes no heatmaps or SimCC targets")
    tiles, names = [draw_sample(sample) for sample in samples], [s.name for s in samples]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), contact_sheet(tiles, COLUMNS, names))
    return path


def draw_sample(sample: Sample) -> np.ndarray:
    """(256, W, 3) uint8 BGR: the input with its keypoints, and to the right with its targets."""
    scale = HEIGHT / sample.image.shape[0]
    left = draw_person(sample.image, sample.keypoints, scale=scale, skeleton=sample.skeleton)
    if sample.targets is None:
        return left
    return np.concatenate([left, sample.targets.draw(sample.image, scale, sample.skeleton)], 1)
