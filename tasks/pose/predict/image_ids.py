"""The ids of the input images."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from bsam_suite.errors import InputError
from bsam_suite.json_file import read_json
from bsam_suite.pictures.sources import Images, Video
from tasks.pose.coco_files import read_images, read_results


def assign_image_ids(
    source: Images | Video, annotations: Path | None, boxes: Path | None
) -> tuple[Images | Video, list[int]]:
    """The images to predict and their ids: from a COCO file, or else 1, 2, 3, ...

    Args:
        annotations: a COCO file with ``images``; images that are not in it are skipped.
        boxes: used instead if ``annotations`` is None and it is such a file. If it has results for
            other ids than 1, 2, 3, ..., these may be the numbers in the file names, as in COCO.

    Raises:
        InputError: the file cannot be read, has none of the images, or has one of them twice.
    """
    if annotations is None and boxes is not None and isinstance(read_json(boxes), dict):
        annotations = boxes
    if annotations is None:
        in_order = list(range(1, len(source) + 1))
        if boxes is None or isinstance(source, Video):
            return source, in_order
        return source, _ids_of_results(source, in_order, boxes)
    if isinstance(source, Video):
        raise InputError(
            f"{annotations} names images, but {source.path} is a video: give its boxes as COCO "
            "results, with the number of the frame (from 1) as image_id"
        )
    ids = _ids_of_images(source, annotations)
    if not ids:
        raise InputError(
            f"{annotations} has none of the {len(source)} images, such as {source.names[0]}: give "
            "the annotations of these images"
        )
    if len(ids) < len(source):
        print(f"{len(source) - len(ids)} images are skipped: they are not in {annotations}")
    return Images(list(ids)), list(ids.values())


def _ids_of_results(source: Images, in_order: list[int], boxes: Path) -> list[int]:
    given = {result["image_id"] for result in read_results(boxes, None, "bbox")}
    if given <= set(in_order):
        return in_order
    stems = [path.stem for path in source.paths]
    numbers = [int(stem) for stem in stems if stem.isdecimal()]
    if len(set(numbers)) == len(stems) and given & set(numbers):
        return numbers
    raise InputError(
        f"--boxes {boxes} has image_id {next(iter(given - set(in_order)))}, which is neither in 1 "
        f"to {len(in_order)} nor the number of a file such as {source.names[0]}: give the COCO "
        "file with the ids of these images by --annotations FILE"
    )


def _ids_of_images(source: Images, annotations: Path) -> dict[Path, int]:
    """The id of each image in the file, found by the last parts of its path.

    An image in another folder than in the file is found by its name, if the name is unique.
    """
    named = defaultdict(list)
    for image in read_images(annotations):
        file = Path(image["file_name"])
        named[file.name].append((file.parts, image["id"]))
    count = Counter(path.name for path in source.paths)
    ids = {}
    for path in source.paths:
        whole, group = path.absolute().parts, named[path.name]
        fitting = [(p, i) for p, i in group if whole[-len(p) :] == p]
        longest = max((len(p) for p, i in fitting), default=0)
        found = [i for p, i in fitting if len(p) == longest]
        if not fitting and count[path.name] == 1:
            found = [i for p, i in group]
        if len(found) > 1:
            raise InputError(f"{annotations} has {len(found)} images named {path.name}")
        if found:
            ids[path] = found[0]
    twice = [i for i, n in Counter(ids.values()).items() if n > 1]
    if twice:
        raise InputError(
            f"{annotations} has one image {twice[0]} for several of these files: predict one "
            "folder at a time"
        )
    return ids
