"""COCO's annotations, and results and detections for them."""

import copy
import json
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import mutations as change
import numpy as np
from mmpose.datasets import CocoDataset
from PIL import Image

from readers.images import PIXELS
from readers.reader import Reader
from tasks.pose.category import keypoint_category
from tasks.pose.category_ids import keypoint_categories, of_categories
from tasks.pose.check.findings import Findings
from tasks.pose.check.kinds import KINDS
from tasks.pose.check.layout import Split
from tasks.pose.check.split import check_split
from tasks.pose.coco_files import read_annotations, read_results
from tasks.pose.dataset import AnyCategoryCocoDataset, read_detections
from tasks.pose.evaluate.ap import average_precision
from tasks.pose.evaluate.keypoints import score_keypoints
from tasks.pose.evaluate.nms import oks_nms
from tasks.pose.predict.boxes import boxes_from_file
from tasks.pose.skeleton import PERSON


def person(number: int) -> dict:
    points = np.stack([np.arange(17) % 12, np.arange(17) % 16, np.arange(17) % 3], 1)
    box = dict(area=100.0, bbox=[1.0, 1.0, 10.0, 12.0], keypoints=points.ravel().tolist())
    return dict(id=number, image_id=number, category_id=1, iscrowd=0, num_keypoints=11, **box)


def annotations() -> dict:
    images = [dict(id=i, file_name=f"{i}.png", width=12, height=16) for i in (1, 2)]
    persons = [person(1), person(2)]
    return dict(images=images, annotations=persons, categories=[PERSON.category()])


@cache
def coco_folder(folder: Path) -> Path:
    """A set whose annotation file is the one that is read."""
    for number in (1, 2):
        Image.fromarray(PIXELS).save(folder / f"{number}.png")
    (folder / "truth.json").write_text(json.dumps(annotations()))
    return folder


@cache
def unloaded(kind: type, folder: Path):
    return kind(ann_file="a.json", data_prefix=dict(img=str(folder)), lazy_init=True, pipeline=[])


def loaded(kind: type, folder: Path, **files: str):
    """A data set of ``files``, without the tenth of a second that MMPose takes for keypoints."""
    data = copy.copy(unloaded(kind, folder))
    data.test_mode = "bbox_file" in files
    vars(data).update(files, serialize_data=False)  # that collects Python's garbage
    with redirect_stdout(None):
        data.full_init()
    return data


def coco_seeds(folder: Path) -> list[bytes]:
    fish = dict(id=3, name="fish", keypoints=["tip", "left_fin", "right_fin"], skeleton=[[1, 2]])
    fishes = dict(annotations(), categories=[fish])
    fishes["annotations"] = [
        dict(a, category_id=3, keypoints=a["keypoints"][:9]) for a in fishes["annotations"]
    ]
    return [json.dumps(content).encode() for content in (annotations(), fishes)]


def read_coco_set(path: Path) -> None:
    """As training and the report on a data set do, then as MMPose does where nothing stops it."""
    split, findings = Split(path.parent, path, coco_folder(path.parent)), Findings()
    check_split(split, findings)
    found = findings.all()
    for finding in found:
        str(finding.examples[0]), finding.examples[0].as_dict()
    if not any(KINDS[finding.kind].stops for finding in found):
        data = loaded(CocoDataset, path.parent, ann_file=str(path))
        data[0], data[len(data) - 1]
    keypoint_category(read_annotations(path, "bbox")["categories"], str(path))


COCO = Reader(".json", coco_seeds, change.changed_json, json.loads, read_coco_set)


def result(number: int) -> dict:
    box = dict(keypoints=[3.0, 4.0, 0.5] * 17, bbox=[1.0, 2.0, 8.0, 9.0])
    return dict(image_id=number, category_id=1, score=0.75, **box)


def result_seeds(folder: Path) -> list[bytes]:
    plain = [{k: v for k, v in result(i).items() if k != "bbox"} for i in (1, 1, 2)]
    return [json.dumps(content).encode() for content in ([result(1), result(2)], plain)]


def read_pose_results(path: Path) -> None:
    """As ``tools/eval_pose.py`` does."""
    file = coco_folder(path.parent) / "truth.json"
    truth = read_annotations(file, "keypoints", "bbox", "area")
    found = read_results(path, [1, 2], "keypoints")
    found = of_categories(found, keypoint_categories(truth, file), path)
    found = oks_nms(found, 0.9)
    average_precision(truth, found, "pycocotools")
    scores = score_keypoints(truth, found)
    scores.by_keypoint(), scores.by_size()


RESULTS = Reader(".json", result_seeds, change.changed_json, json.loads, read_pose_results)


def detection_seeds(folder: Path) -> list[bytes]:
    found = [{k: v for k, v in result(i).items() if k != "keypoints"} for i in (1, 2, 2)]
    return [json.dumps(content).encode() for content in (found, annotations())]


def read_boxes(path: Path) -> None:
    """As ``tools/predict.py --boxes`` and a data set's ``bbox_file`` do."""
    boxes = boxes_from_file(path, [1, 2])
    boxes(1, PIXELS), boxes(2, PIXELS)
    file = coco_folder(path.parent) / "truth.json"
    if not isinstance(json.loads(path.read_bytes()), list):
        return
    read_detections(str(path), read_annotations(file), str(file))
    data = loaded(AnyCategoryCocoDataset, path.parent, ann_file=str(file), bbox_file=str(path))
    data[len(data) - 1]


DETECTIONS = Reader(".json", detection_seeds, change.changed_json, json.loads, read_boxes)
