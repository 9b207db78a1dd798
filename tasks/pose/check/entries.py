"""Checks of the entries of an annotation file: fields, types, ids and references."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from bsam_suite.errors import InputError
from tasks.pose.category import category_skeleton
from tasks.pose.check.findings import Example, Findings
from tasks.pose.check.layout import Split
from tasks.pose.coco_schema import schema_error
from tasks.pose.skeleton import PERSON, Skeleton, unnamed_skeleton


class Person(NamedTuple):
    """An annotation and its image, as in the file, and a description of its keypoints."""

    annotation: dict
    image: dict
    skeleton: Skeleton = PERSON


def valid_images(split: Split, images: list, findings: Findings) -> dict[int, dict]:
    """The images that have all fields, by id; adds findings for the others."""
    valid, files = {}, set()
    if not images:
        findings.add("no_images", split.name, Example("'images' is empty"))
    for place, image in enumerate(images):
        wrong = schema_error(image, "id", "file_name", "width", "height")
        if wrong:
            findings.add("broken_entry", split.name, Example(f"images[{place}]: {wrong}"))
            continue
        name, number = image["file_name"], image["id"]
        if number in valid:
            message = f"so has {valid[number]['file_name']}"
            example = Example(message, split.image(image), number)
            findings.add("duplicate_image_id", split.name, example)
            continue
        if name in files:
            example = Example("already listed with another id", split.image(image), number)
            findings.add("duplicate_file", split.name, example)
        files.add(name)
        valid[number] = image
    return valid


def valid_persons(
    split: Split, content: dict, images: dict[int, dict], findings: Findings
) -> dict[Skeleton, list[Person]]:
    """The annotations with valid fields, by their K keypoints; adds findings for the others.

    All of them have a box of 4 numbers and 3 K numbers of keypoints, which may still be NaN.
    """
    valid, seen = defaultdict(list), set()
    skeletons = _skeletons(split, content["categories"], findings)
    fields = ("id", "image_id", "category_id", "bbox", "keypoints")
    for place, annotation in enumerate(content["annotations"]):
        wrong = schema_error(annotation, *fields, optional=("iscrowd", "area"))
        if wrong:
            entry = annotation if isinstance(annotation, dict) else None
            example = Example(f"annotations[{place}]: {wrong}", entry=entry)
            findings.add("broken_entry", split.name, example)
            continue
        number, image = annotation["id"], images.get(annotation["image_id"])

        def add(kind: str, message: str, image=image, annotation=annotation) -> None:
            file = split.image(image) if image else None
            skeleton = skeletons.get(annotation["category_id"], PERSON)
            example = Example(message, file, annotation["image_id"], annotation, skeleton)
            findings.add(kind, split.name, example)

        if number in seen:
            add("duplicate_annotation_id", "an earlier one has this id")
        seen.add(number)
        category, count = annotation["category_id"], len(annotation["keypoints"])
        skeleton = skeletons.get(category)
        if image is None:
            add("unknown_image", f"image_id {annotation['image_id']}")
        if skeleton is None:
            add("unknown_category", f"category_id {category}")
        elif count != 3 * len(skeleton.names):
            add("keypoint_number", f"{count} numbers, not 3 * {len(skeleton.names)}")
        elif image is not None:
            valid[skeleton].append(Person(annotation, image, skeleton))
    return valid


def _skeletons(split: Split, categories: list, findings: Findings) -> dict[int, Skeleton]:
    """The keypoints of each category; COCO's person if the category does not list them."""
    skeletons = {}
    for place, category in enumerate(categories):
        wrong = schema_error(category, "id")
        if wrong:
            findings.add("broken_entry", split.name, Example(f"categories[{place}]: {wrong}"))
            continue
        names = category.get("keypoints")
        message = f"category {category['id']} {category.get('name')!r}"
        skeleton = PERSON
        if not names or not isinstance(names, list):
            findings.add(
                "keypoint_names", split.name, Example(f"{message} has no list 'keypoints'")
            )
        else:
            try:
                skeleton = category_skeleton(category, split.place(split.annotations))
            except InputError as error:
                findings.add("broken_entry", split.name, Example(f"categories[{place}]: {error}"))
                skeleton = unnamed_skeleton(len(names))
            if skeleton != PERSON:
                findings.add("other_keypoints", split.name, Example(f"{message} has {skeleton}"))
        skeletons[category["id"]] = skeleton
    return skeletons
