"""The command behind ``tools/predict.py``."""

from __future__ import annotations

import json
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from bsam_suite.engine.work_dir import choose_out_dir
from bsam_suite.errors import InputError
from bsam_suite.json_file import read_json
from bsam_suite.pictures.drawing import Drawing
from bsam_suite.pictures.sources import InputImage, open_inputs
from bsam_suite.progress import progress_bar
from bsam_suite.quiet import tell
from bsam_suite.shell import near, tool
from tasks.pose.category_ids import keypoint_categories
from tasks.pose.predict.boxes import Boxes, boxes_from_file, whole_image
from tasks.pose.predict.drawing import draw_results
from tasks.pose.predict.image_ids import assign_image_ids
from tasks.pose.predict.inferencer import Person, PoseInferencer


def predict(args: Namespace) -> None:
    """Predict keypoints; write results, drawn images and contact sheets.

    Raises:
        InputError: an argument cannot be used; nothing has been written.
    """
    source = open_inputs(args.inputs)
    source, ids = assign_image_ids(source, args.annotations, args.boxes)
    name = args.inputs[0].resolve().stem if len(args.inputs) == 1 else "images"
    folder = choose_out_dir(args.out, Path("work_dirs/predict") / name)
    categories = _categories(args)
    boxes = _boxes(args, ids, categories)
    inferencer = PoseInferencer(args.checkpoint, args.config)
    from tasks.pose.predict.results import Results

    folder.mkdir(parents=True, exist_ok=True)
    results = Results(inferencer.evaluator, inferencer.metainfo, folder)
    images: list[dict] = []
    with progress_bar() as bar:
        found = bar.track(source, total=len(source), description="finding keypoints")
        persons = _persons(found, ids, boxes, min(categories), images)
        while batch := inferencer.predict(islice(persons, inferencer.batch_size)):
            results.add(batch)
        by_image = defaultdict(list)
        for result in results.write():
            by_image[result["image_id"]].append(result)
        drawing = Drawing(source, folder)
        draw = partial(draw_results, boxes=boxes is not whole_image, skeleton=inferencer.skeleton)
        for picture, image in zip(bar.track(source, len(images), description="drawing"), images):
            drawing.add(picture, partial(draw, results=by_image[image["id"]]))
        drawing.close()
    kind = inferencer.skeleton.category()
    listed = [dict(kind, id=number) for number in sorted(categories)]
    listed = dict(images=images, annotations=[], categories=listed)
    (folder / "images.json").write_text(json.dumps(listed, indent=1) + "\n")
    count = sum(map(len, by_image.values()))
    tell(f"{count} persons in {len(images)} images")
    tell(f"Results: {results.path}, image ids: {folder / 'images.json'}")
    tell(f"Drawn images: {drawing.path}")
    tell(f"Contact sheet: {', '.join(map(str, drawing.sheets))}")
    truth = near(args.annotations) if args.annotations else "ANNOTATIONS.json"
    tell(f"Next, with annotations: {tool('eval_pose')} {truth} {near(results.path)}")


def _categories(args: Namespace) -> set[int]:
    """Ids of the categories of persons: from the annotations, or COCO's 1."""
    file = args.annotations or args.boxes
    content = read_json(file) if file else None
    return keypoint_categories(content, file) if isinstance(content, dict) else {1}


def _boxes(args: Namespace, ids: list[int], categories: set[int]) -> Boxes:
    if args.boxes:
        return boxes_from_file(args.boxes, ids, categories)
    if len(categories) > 1:
        raise InputError(
            f"--annotations {args.annotations} has several categories with keypoints, {categories}:"
            " give --boxes FILE, whose boxes have a category"
        )
    if args.detector:
        from tasks.pose.predict.detector import Detector

        return Detector(args.detector)
    return whole_image


def _persons(
    source: Iterator[InputImage], ids: list[int], boxes: Boxes, category: int, images: list[dict]
) -> Iterator[Person]:
    """All persons in all images; adds an entry to ``images`` for each image.

    Persons get ``category`` if their box has none.
    """
    number = 0
    for index, (name, image) in enumerate(source):
        image_id = ids[index] if index < len(ids) else index + 1
        height, width = image.shape[:2]
        images.append(dict(id=image_id, file_name=name, width=width, height=height))
        for box in boxes(image_id, image):
            if box.category is None:
                box = box._replace(category=category)
            yield Person(number, image_id, image, box)
            number += 1
