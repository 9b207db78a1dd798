"""Checks of a split without decoding its images, before training and in the report."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.pose.check.entries import valid_images, valid_persons
from tasks.pose.check.findings import Example, Findings
from tasks.pose.check.image_files import existing_images
from tasks.pose.check.layout import Split, read
from tasks.pose.check.persons import COUNTS, check_persons
from tasks.pose.skeleton import plain_name


@dataclass(frozen=True)
class Contents:
    """The contents of a split.

    Attributes:
        counts: images, annotations and :data:`COUNTS`.
        images: those whose file exists.
        categories: of the annotation file.
    """

    counts: dict[str, int]
    images: list[dict]
    categories: list


def check_split(split: Split, findings: Findings) -> Contents | None:
    """Check the annotation file, and that the image files exist.

    Returns:
        None if the annotation file cannot be read.
    """
    content = read(split, findings)
    if content is None:
        return None
    images = valid_images(split, content["images"], findings)
    counts = dict(images=len(content["images"]), annotations=len(content["annotations"]))
    counts |= dict.fromkeys(COUNTS, 0)
    valid = valid_persons(split, content, images, findings)
    if len({tuple(map(plain_name, skeleton.names)) for skeleton in valid}) > 1:
        message = ", ".join(
            f"{len(persons)} of {skeleton.name!r} with {len(skeleton.names)} keypoints"
            for skeleton, persons in valid.items()
        )
        place = split.place(split.annotations)
        findings.add("mixed_keypoints", split.name, Example(message, place))
    for persons in valid.values():
        for name, number in check_persons(split, persons, findings).items():
            counts[name] += number
    if not counts["persons"]:
        message = f"{len(content['annotations'])} annotations, none of which is usable"
        findings.add("no_persons", split.name, Example(message, split.place(split.annotations)))
    return Contents(
        counts, existing_images(split, images.values(), findings), content["categories"]
    )
