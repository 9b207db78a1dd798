"""The entries of an annotation file: fields, types, ids and what they refer to."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import NamedTuple

from bsam_suite.errors import InputError
from tasks.pose.category import from_category
from tasks.pose.check.findings import Example, Findings
from tasks.pose.skeleton import PERSON, Skeleton, unnamed

_NUMBERS = {int, float}


class Person(NamedTuple):
    """An annotation and its image, as in the file, and what its keypoints are."""

    annotation: dict
    image: dict
    skeleton: Skeleton = PERSON


def sound_images(split: str, images: list, findings: Findings) -> dict[int, dict]:
    """The images with all their fields, by id; tells what is wrong with the others."""
    sound, files = {}, set()
    if not images:
        findings.add("no_images", split, Example("'images' is empty"))
    for place, image in enumerate(images):
        problem = _problem(image, id=_whole, file_name=_text, width=_size, height=_size)
        if problem:
            findings.add("broken_entry", split, Example(f"images[{place}]: {problem}"))
            continue
        name, number = image["file_name"], image["id"]
        if number in sound:
            other = sound[number]["file_name"]
            says = f"so has {other}"
            findings.add("duplicate_image_id", split, Example(says, f"{split}/{name}", number))
            continue
        if name in files:
            says = "listed before under another id"
            findings.add("duplicate_file", split, Example(says, f"{split}/{name}", number))
        files.add(name)
        sound[number] = image
    return sound


def sound_persons(
    split: str, content: dict, images: dict[int, dict], findings: Findings
) -> dict[Skeleton, list[Person]]:
    """The annotations that can be looked at by their numbers, by their K keypoints.

    All of them have a box of 4 and keypoints of 3 K numbers; those may still be NaN.
    """
    sound, seen = defaultdict(list), set()
    skeletons = _skeletons(split, content["categories"], findings)
    for place, annotation in enumerate(content["annotations"]):
        problem = _problem(
            annotation, id=_whole, image_id=_whole, category_id=_whole, bbox=_box, keypoints=_list
        )
        if problem:
            entry = annotation if isinstance(annotation, dict) else None
            says = f"annotations[{place}]: {problem}"
            findings.add("broken_entry", split, Example(says, entry=entry))
            continue
        number, image = annotation["id"], images.get(annotation["image_id"])
        file = f"{split}/{image['file_name']}" if image else None

        def tell(kind: str, says: str, file=file, annotation=annotation) -> None:
            skeleton = skeletons.get(annotation["category_id"], PERSON)
            example = Example(says, file, annotation["image_id"], annotation, skeleton)
            findings.add(kind, split, example)

        if number in seen:
            tell("duplicate_annotation_id", "another one before has this id")
        seen.add(number)
        category, count = annotation["category_id"], len(annotation["keypoints"])
        skeleton = skeletons.get(category)
        if image is None:
            tell("unknown_image", f"image_id {annotation['image_id']}")
        if skeleton is None:
            tell("unknown_category", f"category_id {category}")
        elif count != 3 * len(skeleton.names):
            tell("keypoint_number", f"{count} numbers, not 3 * {len(skeleton.names)}")
        elif image is not None:
            sound[skeleton].append(Person(annotation, image, skeleton))
    return sound


def _skeletons(split: str, categories: list, findings: Findings) -> dict[int, Skeleton]:
    """The keypoints of each category; COCO's person where the category does not tell."""
    skeletons = {}
    for place, category in enumerate(categories):
        problem = _problem(category, id=_whole)
        if problem:
            findings.add("broken_entry", split, Example(f"categories[{place}]: {problem}"))
            continue
        names = category.get("keypoints")
        says = f"category {category['id']} {category.get('name')!r}"
        skeleton = PERSON
        if not names or not isinstance(names, list):
            findings.add("keypoint_names", split, Example(f"{says} has no list 'keypoints'"))
        else:
            try:
                skeleton = from_category(category, f"{split}'s annotations")
            except InputError as error:
                findings.add("broken_entry", split, Example(f"categories[{place}]: {error}"))
                skeleton = unnamed(len(names))
            if skeleton != PERSON:
                findings.add("other_keypoints", split, Example(f"{says} has {skeleton}"))
        skeletons[category["id"]] = skeleton
    return skeletons


def _problem(entry, **fields) -> str | None:
    if not isinstance(entry, dict):
        return f"a {type(entry).__name__}, not an object"
    for name, right in fields.items():
        if name not in entry:
            return f"it lacks {name!r}"
        if not right(entry[name]):
            value = repr(entry[name])
            return f"{name} is {value if len(value) < 60 else value[:57] + '...'}"
    return None


def _whole(value) -> bool:
    return type(value) is int


def _text(value) -> bool:
    return isinstance(value, str) and value != ""


def _size(value) -> bool:
    return type(value) in _NUMBERS and math.isfinite(value) and value > 0


def _list(value) -> bool:
    if not isinstance(value, list) or not set(map(type, value)) <= _NUMBERS:
        return False
    return not any(type(number) is int and abs(number) > 2**53 for number in value)


def _box(value) -> bool:
    return _list(value) and len(value) == 4
