"""A small set without faults, for tests to damage."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from bsam_suite.compat import import_mmpose
from bsam_suite.compat.coco import COCO, COCOeval
from tasks.pose.check.command import check_dataset_folder
from tasks.pose.skeleton import PERSON

import_mmpose()

from mmpose.datasets import CocoDataset  # noqa: E402

SPLITS = {"train2017": 100, "val2017": 200}


@dataclass
class SmallSet:
    """Three images of 160x120 in each split, with a person in a box of 60x80 in each."""

    root: Path
    content: dict[str, dict] = field(default_factory=dict)

    def write(self) -> None:
        for split, content in self.content.items():
            self.file(split).write_text(json.dumps(content))

    def file(self, split: str) -> Path:
        return self.root / f"annotations/person_keypoints_{split}.json"


def make_person(number: int, image: int) -> dict:
    """All keypoints in two columns within the box; 12 visible, 3 hidden, 2 without label."""
    x, y = 50 + 20 * (np.arange(17) % 2), 30 + 4 * np.arange(17)
    points = np.stack([x, y, np.full(17, 2)], 1)
    points[12:15, 2], points[15:] = 1, 0
    return dict(
        id=number,
        image_id=image,
        category_id=1,
        iscrowd=0,
        num_keypoints=15,
        area=2000.0,
        bbox=[40.0, 20.0, 60.0, 80.0],
        keypoints=points.ravel().tolist(),
    )


@pytest.fixture
def person():
    """Makes an annotation of an id, for the image of an id."""
    return make_person


@pytest.fixture
def small_set(tmp_path):
    rng = np.random.default_rng(0)
    made = SmallSet(tmp_path / "set")
    (made.root / "annotations").mkdir(parents=True)
    for split, first in SPLITS.items():
        (made.root / split).mkdir()
        numbers = range(first, first + 3)
        for number in numbers:
            picture = rng.integers(0, 255, (120, 160, 3)).astype(np.uint8)
            cv2.imwrite(str(made.root / split / f"{number}.jpg"), picture)
        images = [dict(id=n, file_name=f"{n}.jpg", width=160, height=120) for n in numbers]
        persons = [make_person(10 * n, n) for n in numbers]
        categories = [PERSON.category()]
        made.content[split] = dict(images=images, annotations=persons, categories=categories)
    made.write()
    return made


def make_loader(root, split):
    dataset = dict(type="CocoDataset", data_root=str(root), data_prefix=dict(img=f"{split}/"))
    return dict(dataset=dataset | dict(ann_file=f"annotations/person_keypoints_{split}.json"))


@pytest.fixture
def config(small_set):
    """Makes a config that trains and validates on the set."""

    def config(**evaluator):
        loaders = {f"{s[:-4]}_dataloader": make_loader(small_set.root, s) for s in SPLITS}
        return Config(loaders | dict(val_evaluator=dict(type="CocoMetric", **evaluator)))

    return config


# COCO's metainfo takes as long to read as all the rest; serializing collects garbage.
METAINFO = dict(keypoint_info={}, skeleton_info={}, joint_weights=[], sigmas=[])
QUICK = dict(serialize_data=False, metainfo=dict(METAINFO, dataset_name="small"))


@pytest.fixture
def used(small_set):
    """Load and evaluate the set as MMPose does; it must take as many persons as were counted."""

    def used():
        counts = check_dataset_folder(small_set.root, decode=False).counts
        for split in small_set.content:
            file = str(small_set.file(split))
            images = dict(img=str(small_set.root / split))
            data = CocoDataset(ann_file=file, data_prefix=images, **QUICK)
            persons = [data.get_data_info(i) for i in range(len(data))]
            assert len(persons) == counts[split]["persons"] > 0
            for person in persons:
                assert Path(person["img_path"]).is_file()
                assert np.isfinite(person["bbox"]).all() and np.isfinite(person["keypoints"]).all()
            if split.startswith("val"):
                evaluation = evaluate(COCO(file), persons)
                # Those that MMPose leaves out are missed.
                assert evaluation.stats[0] == 1 or len(persons) < counts[split]["annotations"]

    return used


def evaluate(truth, persons):
    results = []
    for person in persons:
        points = np.concatenate([person["keypoints"][0], np.ones((17, 1))], 1).ravel().tolist()
        ids = dict(image_id=person["img_id"], category_id=int(person["category_id"]))
        results.append(dict(ids, keypoints=points, score=0.5))
    evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation
