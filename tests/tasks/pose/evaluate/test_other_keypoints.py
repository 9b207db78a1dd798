"""Keypoints that are not COCO's: their names, number and sigmas."""

import json
import math
from argparse import Namespace

import pytest

from bsam_suite.errors import InputError
from tasks.pose.evaluate.ap import BACKENDS
from tasks.pose.evaluate.command import evaluate

AREA = 5000.0
NAMES = ["head", "left_wing", "right_wing"]


@pytest.fixture
def run(tmp_path):
    """Evaluate one result, each keypoint ``off`` pixels away; returns ``evaluation.json``."""

    def run(off, category=None, count=3, **options):
        kind = dict(id=1, name="bird", keypoints=NAMES) | (category or {})
        points = [[10.0 * i, 7.0 * i, 2] for i in range(count)]
        bird = dict(id=1, image_id=1, category_id=1, area=AREA, bbox=[0, 0, 80, 90])
        bird["keypoints"] = sum(points, [])
        truth = dict(images=[dict(id=1)], annotations=[bird], categories=[kind])
        moved = sum(([x + off, y, 1.0] for x, y, _ in points), [])
        found = [dict(image_id=1, category_id=1, score=1.0, keypoints=moved[: 3 * count])]
        for name, content in dict(truth=truth, found=found).items():
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        out = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
        usual = dict(oks_nms=None, backend="pycocotools", metainfo=None, sigmas=None, out=out)
        usual |= dict(command_line="")
        files = dict(annotations=tmp_path / "truth.json", results=tmp_path / "found.json")
        evaluate(Namespace(**files, **usual | options))
        return json.loads((out / "evaluation.json").read_text())

    return run


def oks(off, sigma):
    return math.exp(-(off**2) / (2 * AREA * (2 * sigma) ** 2))


def ap(similarity):
    """Of a single result: the share of the ten thresholds that it reaches."""
    return sum(similarity >= 0.5 + 0.05 * i for i in range(10)) / 10


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sigmas", [None, [0.1, 0.1, 0.1], [0.03, 0.06, 0.09]])
def test_by_hand(run, sigmas, backend, capsys):
    found = run(6, sigmas=sigmas, backend=backend)
    each = [oks(6, sigma) for sigma in sigmas or [0.05] * 3]
    assert [row["name"] for row in found["keypoints"]] == [*NAMES, "all"]
    assert [row["oks"] for row in found["keypoints"][:3]] == pytest.approx(each, rel=1e-5)
    wanted = ap(sum(each) / 3)
    assert 0 < wanted < 1 and found["metrics"]["AP"] == pytest.approx(wanted)
    assert found["sigmas"] == pytest.approx(sigmas or [0.05] * 3)
    assert "3 keypoints (head, left_wing, right_wing)" in capsys.readouterr().out


def test_a_description_file(run, tmp_path):
    info = {i: dict(name=name) for i, name in enumerate(NAMES)}
    (tmp_path / "bird.py").write_text(
        f"dataset_info = dict(keypoint_info={info!r}, sigmas=[0.04, 0.05, 0.06])"
    )
    assert run(6, metainfo=str(tmp_path / "bird.py"))["sigmas"] == pytest.approx([0.04, 0.05, 0.06])
    # A file that does not name its keypoints; suppression of doubles takes the sigmas, too.
    found = run(6, dict(keypoints=None), metainfo=str(tmp_path / "bird.py"), oks_nms=0.9)
    assert found["keypoints"][0]["oks"] == pytest.approx(oks(6, 0.04), rel=1e-5)


@pytest.mark.parametrize(
    "options, said",
    [
        (dict(sigmas=[0.1, 0.1]), r"--sigmas: sigmas is \[0.1, 0.1\].* 3"),
        (dict(metainfo="none.py"), "none.py"),
        (dict(metainfo="coco.py"), "truth.json has 3 keypoints .*17 keypoints"),
        (dict(count=2), "truth.json: 6 numbers in 'keypoints': give 9"),
        (dict(category=dict(keypoints=["a", "a", "b"])), "'a' twice"),
    ],
)
def test_what_does_not_fit_is_refused(run, options, said):
    with pytest.raises(InputError, match=said):
        run(6, **options)


def test_results_of_other_keypoints(run, tmp_path):
    run(6)
    found = json.loads((tmp_path / "found.json").read_text())
    del found[0]["keypoints"][6:]
    (tmp_path / "found.json").write_text(json.dumps(found))
    args = dict(annotations=tmp_path / "truth.json", results=tmp_path / "found.json")
    usual = dict(oks_nms=None, backend="pycocotools", metainfo=None, sigmas=None, out=None)
    with pytest.raises(InputError, match="found.json: 6 numbers in 'keypoints': give 9"):
        evaluate(Namespace(**args, **usual))
