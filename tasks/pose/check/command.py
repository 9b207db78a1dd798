"""The command behind ``tools/check_dataset.py``."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from rich.console import Console

from bsam_suite.engine.work_dir import choose_out_dir
from bsam_suite.quiet import screen, tell
from tasks.pose.check.findings import Findings
from tasks.pose.check.image_files import check_images, check_train_val_overlap
from tasks.pose.check.layout import find_splits
from tasks.pose.check.report import Report
from tasks.pose.check.split import check_split


def check(args: Namespace) -> Report:
    """Check the data set, print the report and write it to ``args.out``.

    Raises:
        InputError: ``args.root`` is not a folder, or ``args.out`` is not empty.
    """
    if args.out is not None:
        choose_out_dir(args.out, args.out)
    report = check_dataset_folder(args.root, decode=not args.no_images)
    report.print(Console(file=screen()))
    if args.out is not None:
        tell("Report: " + ", ".join(map(str, report.write(args.out))))
    return report


def check_dataset_folder(root: Path, decode: bool = True) -> Report:
    """Check all splits of a data set.

    Args:
        root: folder with ``annotations/person_keypoints_SPLIT.json`` and ``SPLIT/`` with images.
        decode: whether to decode the images, which takes most of the time.

    Raises:
        InputError: ``root`` is not a folder.
    """
    findings, counts, files = Findings(), {}, {}
    for split in find_splits(root):
        found = check_split(split, findings)
        if found is not None:
            counts[split.name], files[split] = found.counts, found.images
    if decode:
        digests = {split: check_images(split, images, findings) for split, images in files.items()}
        check_train_val_overlap(digests, findings)
    return Report(root, decode, counts, findings.all())
