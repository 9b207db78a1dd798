"""A small set without faults, for tests to damage."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from tasks.pose.skeleton import PERSON

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
