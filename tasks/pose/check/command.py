"""From a folder to a report."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from bsam_suite.engine.work_dir import choose_out_dir
from tasks.pose.check.entries import sound_images, sound_persons
from tasks.pose.check.findings import Example, Findings
from tasks.pose.check.image_files import check_apart, check_images, there
from tasks.pose.check.layout import Split, find_splits, read
from tasks.pose.check.persons import COUNTS, check_persons
from tasks.pose.check.report import Report


def check(args: Namespace) -> Report:
    """Do what ``tools/check_dataset.py`` was told: print the report and write it to ``args.out``.

    Raises:
        InputError: ``args.root`` is no folder, or ``args.out`` holds something.
    """
    if args.out is not None:
        choose_out_dir(args.out, args.out)
    report = check_set(args.root, decode=not args.no_images)
    report.print()
    if args.out is not None:
        print("Report: " + ", ".join(map(str, report.write(args.out))))
    return report


def check_set(root: Path, decode: bool = True) -> Report:
    """Look at all of a set.

    Args:
        root: folder with ``annotations/person_keypoints_SPLIT.json`` and ``SPLIT/`` with images.
        decode: whether to decode the images, which takes most of the time.

    Raises:
        InputError: ``root`` is no folder.
    """
    findings, counts, files = Findings(), {}, {}
    for split in find_splits(root, findings):
        content = read(split, findings)
        if content is not None:
            counts[split.name], files[split] = _check_split(split, content, findings)
    if decode:
        digests = {s.name: check_images(s, images, findings) for s, images in files.items()}
        check_apart(digests, findings)
    return Report(root, decode, counts, findings.all())


def _check_split(
    split: Split, content: dict, findings: Findings
) -> tuple[dict[str, int], list[dict]]:
    """Counts, and the images that are there."""
    images = sound_images(split.name, content["images"], findings)
    counts = dict(images=len(content["images"]), annotations=len(content["annotations"]))
    counts |= dict.fromkeys(COUNTS, 0)
    for persons in sound_persons(split.name, content, images, findings).values():
        for name, number in check_persons(split.name, persons, findings).items():
            counts[name] += number
    if not counts["persons"]:
        says = f"{len(content['annotations'])} annotations, none with a labelled keypoint"
        place = str(split.annotations.relative_to(split.root))
        findings.add("no_persons", split.name, Example(says, place))
    return counts, there(split, images.values(), findings)
