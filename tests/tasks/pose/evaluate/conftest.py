"""Persons and results made up for the evaluation."""

import numpy as np
import pytest


@pytest.fixture
def made_up():
    """Persons of all kinds and results near them, doubled, missing, and far from any."""
    rng = np.random.default_rng(3)
    images = [dict(id=i, width=640, height=480) for i in range(1, 25)]
    persons, found = [], []
    for image in images[:-2]:
        for _ in range(rng.integers(0, 4)):
            size = rng.choice([20, 60, 90, 200])
            corner = rng.uniform(0, 300, 2)
            points = np.column_stack(
                [corner + rng.uniform(0, size, (17, 2)), rng.integers(0, 3, 17)]
            )
            if rng.random() < 0.15:
                points[:, 2] = 0
            person = dict(
                id=len(persons) + 1,
                image_id=image["id"],
                category_id=1,
                bbox=[*corner, size, size * 1.5],
                area=float(size**2 * rng.uniform(0.5, 1.5)),
                iscrowd=int(rng.random() < 0.1),
                keypoints=points.ravel().tolist(),
            )
            person["num_keypoints"] = int((points[:, 2] > 0).sum())
            persons.append(person)
            for _ in range(rng.integers(0, 3)):
                moved = points + rng.normal(0, size * rng.choice([0.02, 0.06, 0.2]), (17, 3))
                found.append(result(image["id"], moved[:, :2], rng))
    for image in images[10:]:
        found += [result(image["id"], rng.uniform(0, 400, (17, 2)), rng) for _ in range(2)]
    crowded = [result(1, rng.uniform(0, 400, (17, 2)), rng) for _ in range(25)]  # above 20
    truth = dict(images=images, annotations=persons, categories=[dict(id=1, name="person")])
    return truth, found + crowded


def result(image, points, rng):
    keypoints = np.column_stack([points, rng.uniform(0.1, 1, 17)]).ravel().tolist()
    score = round(float(rng.random()), 1)  # many are equal
    return dict(image_id=image, category_id=1, keypoints=keypoints, score=score)
