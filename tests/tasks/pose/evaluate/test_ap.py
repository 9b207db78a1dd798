"""AP and AR against COCO's definition, written out here in plain NumPy."""

import sys

import numpy as np
import pytest
from pycocotools.cocoeval import Params

from bsam_suite.errors import InputError
from tasks.pose.evaluate import ap
from tasks.pose.evaluate.ap import BACKENDS, NAMES, average_precision, check_backend

SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
RANGES = {"": (0, 1e10), " (M)": (32**2, 96**2), " (L)": (96**2, 1e10)}
THRESHOLDS = [0.5 + 0.05 * i for i in range(10)]


def oks(person, result):
    truth, guess = (np.reshape(x["keypoints"], (17, 3)) for x in (person, result))
    labelled = truth[:, 2] > 0
    offset = guess[:, :2] - truth[:, :2]
    if not labelled.any():  # how far outside of the box, enlarged by its own size on each side
        corner, size = np.split(np.array(person["bbox"]), 2)
        outside = np.maximum(corner - size - guess[:, :2], guess[:, :2] - (corner + 2 * size))
        offset, labelled = np.maximum(outside, 0), ~labelled
    each = np.exp(-(offset**2).sum(1) / (2 * person["area"] * (2 * SIGMAS) ** 2))
    return each[labelled].mean()


def size(result):
    points = np.reshape(result["keypoints"], (17, 3))[:, :2]
    return np.prod(np.ptp(points, axis=0))


def match(truth, found, threshold, low, high):
    """Scores of the results that count, whether each is right, and the number of persons."""
    scores, right, total = [], [], 0
    for image in truth["images"]:
        persons = [a for a in truth["annotations"] if a["image_id"] == image["id"]]
        ignored = [
            a["iscrowd"] or a["num_keypoints"] == 0 or not low <= a["area"] <= high for a in persons
        ]
        total += ignored.count(False)
        results = [r for r in found if r["image_id"] == image["id"]]
        taken = set()
        for result in sorted(results, key=lambda r: -r["score"])[:20]:
            pairs = [(oks(p, result), j) for j, p in enumerate(persons)]
            free = [(s, j) for s, j in pairs if s >= threshold and j not in taken]
            real = [(s, j) for s, j in free if not ignored[j]]
            others = [(s, j) for s, j in pairs if s >= threshold and ignored[j]]
            others = [(s, j) for s, j in others if j not in taken or persons[j]["iscrowd"]]
            if real:
                taken.add(max(real)[1])
            elif others:
                taken.add(max(others)[1])
                continue  # neither right nor wrong
            elif not low <= size(result) <= high:
                continue
            scores.append(result["score"])
            right.append(bool(real))
    order = np.argsort(-np.array(scores), kind="stable")
    return np.array(right)[order], total


def by_hand(truth, found):
    precisions, recalls = {}, {}
    for suffix, (low, high) in RANGES.items():
        for threshold in THRESHOLDS:
            right, total = match(truth, found, threshold, low, high)
            hits = np.cumsum(right)
            precision, recall = hits / np.arange(1, len(hits) + 1), hits / total
            points = [
                precision[recall >= r].max(initial=0) if (recall >= r).any() else 0
                for r in np.linspace(0, 1, 101)
            ]
            precisions[suffix, round(threshold, 2)] = np.mean(points)
            recalls[suffix, round(threshold, 2)] = recall[-1]
    numbers = {}
    for name, values in (("AP", precisions), ("AR", recalls)):
        for suffix in RANGES:
            numbers[name + suffix] = np.mean([v for (s, _), v in values.items() if s == suffix])
        numbers |= {f"{name} .5": values["", 0.5], f"{name} .75": values["", 0.75]}
    return numbers


@pytest.mark.parametrize("backend", BACKENDS)
def test_ap_by_hand(made_up, backend):
    truth, found = made_up
    expected, numbers = by_hand(truth, found), average_precision(truth, found, backend)
    assert list(numbers) == list(NAMES)
    assert 0.05 < expected["AP"] < expected["AR"] < 0.9 and expected["AP (M)"] != expected["AP (L)"]
    assert numbers == pytest.approx(expected, abs=1e-9)


def test_sigmas_are_coco_s():
    np.testing.assert_allclose(ap.SIGMAS, SIGMAS)
    np.testing.assert_allclose(ap.SIGMAS, Params("keypoints").kpt_oks_sigmas)


@pytest.mark.parametrize("boxes", [False, True])
def test_backends_agree(made_up, boxes):
    truth, found = made_up
    if boxes:  # the size of a result is then that of its box
        found = [dict(r, bbox=[0, 0, 10 * (i % 30), 40]) for i, r in enumerate(found)]
    one, two = (average_precision(truth, found, backend) for backend in BACKENDS)
    assert one == pytest.approx(two, abs=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_file_may_leave_out(made_up, backend):
    truth, found = made_up
    expected = average_precision(truth, found, backend)
    for i, annotation in enumerate(truth["annotations"]):
        annotation["id"] = i  # from 0
        del annotation["num_keypoints"]
        if not annotation["iscrowd"]:
            del annotation["iscrowd"]
    silent = dict(found[0], keypoints=[1.0, 1.0, 0.0] * 17, score=9.0)
    assert average_precision(truth, [silent, *found], backend) == expected
    assert average_precision(truth, [], backend)["AP"] == 0


def test_a_backend_that_is_not_there(monkeypatch):
    with pytest.raises(InputError, match="--backend coco: give one of pycocotools, faster"):
        check_backend("coco")
    check_backend("faster-coco-eval")
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(InputError, match=r"^faster_coco_eval .*install.*\[faster-coco-eval\]"):
        check_backend("faster-coco-eval")
