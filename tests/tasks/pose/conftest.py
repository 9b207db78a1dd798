"""A small set of objects with keypoints of their own."""

import json

import cv2
import numpy as np
import pytest

FISH = ["tip", "left_fin", "right_fin", "left_tail", "right_tail"]


@pytest.fixture(scope="session")
def make_set():
    """Write a COCO-format set of objects with these keypoints: ``make_set(root, names)``."""

    def make(root, names, skeleton=(), images=2):
        rng = np.random.default_rng(0)
        (root / "annotations").mkdir(parents=True)
        for split, first in dict(train2017=1, val2017=101).items():
            (root / split).mkdir()
            listed, annotations = [], []
            for number in range(first, first + images):
                picture = rng.integers(0, 255, (120, 160, 3)).astype(np.uint8)
                cv2.imwrite(str(root / split / f"{number}.png"), picture)
                listed.append(dict(id=number, file_name=f"{number}.png", width=160, height=120))
                points = np.full((len(names), 3), 2)
                points[:, 0] = 50 + np.arange(len(names)) * 40 // len(names)
                points[:, 1] = rng.integers(30, 90, len(names))
                annotations.append(
                    dict(id=number, image_id=number, category_id=1, iscrowd=0, area=1e5)
                    | dict(num_keypoints=len(names), bbox=[40, 20, 60, 80])
                    | dict(keypoints=points.ravel().tolist())
                )
            kind = dict(id=1, name="fish", keypoints=names, skeleton=skeleton)
            content = dict(images=listed, annotations=annotations, categories=[kind])
            path = root / f"annotations/person_keypoints_{split}.json"
            path.write_text(json.dumps(content))
        return root

    return make


@pytest.fixture(scope="session")
def fish(make_set, tmp_path_factory):
    """Root of a set of objects with 5 keypoints."""
    return make_set(tmp_path_factory.mktemp("fish") / "set", FISH, [[1, 2], [1, 3]])
