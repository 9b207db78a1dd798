"""tools/eval_pose.py, run as a user runs it, on made-up results of the built-in people."""

import json
import re

import cv2
import numpy as np
import pytest


@pytest.fixture
def files(people, tmp_path):
    """The people's annotations, and results that lie near them."""
    annotations = people / "annotations/person_keypoints_val2017.json"
    rng = np.random.default_rng(0)
    found = []
    for a in json.loads(annotations.read_text())["annotations"]:
        points = np.reshape(a["keypoints"], (17, 3)).astype(float)
        points[:, :2] += rng.normal(0, 0.05 * a["area"] ** 0.5, (17, 2))
        points[:, 2] = 1
        keypoints = points.ravel().tolist()
        entry = dict(image_id=a["image_id"], category_id=1, keypoints=keypoints)
        found += [dict(entry, score=rng.random()), dict(entry, score=0.0)]
    (tmp_path / "found.json").write_text(json.dumps(found))
    return str(annotations), "found.json"


def numbers(output):
    return {k: float(v) for k, v in re.findall(r"^(A[PR].*?) +([-\d.]+)$", output, re.M)}


def test_tables_json_and_plot(tool, files, tmp_path):
    found = tool("eval_pose", *files)
    assert found.returncode == 0, found.stderr[-2000:]
    content = json.loads((tmp_path / "evaluation/evaluation.json").read_text())
    printed = numbers(found.stdout)
    assert len(printed) == 10 and printed == pytest.approx(content["metrics"], abs=1e-4)
    assert 0.1 < printed["AP"] < 0.95
    page = (tmp_path / "evaluation/evaluation.html").read_text()
    for row in content["keypoints"] + content["sizes"] + content["visibility"]:
        assert re.search(rf"{re.escape(row['name'])} .* {row['oks']:.4f} ", found.stdout)
        assert f"{row['pck']['0.1']:.4f}" in found.stdout
        assert f"<td>{row['name']}</td><td>{row['count']:,}</td><td>{row['oks']:.4f}</td>" in page
    assert cv2.imread(str(tmp_path / "evaluation/evaluation.png")).std() > 10

    # Without the doubles, which have the lowest scores, by the other backend; a folder of its own.
    options = "--oks-nms", 0.9, "--backend", "faster-coco-eval"
    single = tool("eval_pose", *files, *options)
    assert single.returncode == 0, single.stderr[-2000:]
    count = len(json.loads((tmp_path / "found.json").read_text()))
    assert f"OKS-NMS keeps {count // 2} of {count} results" in single.stdout
    assert numbers(single.stdout)["AR"] == printed["AR"]
    assert (tmp_path / "evaluation-2/evaluation.json").exists()


def test_a_folder_of_the_user_s_is_left_alone(tool, files, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").touch()
    refused = tool("eval_pose", *files, "--out", "mine")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: --out mine is not empty: ")
    assert refused.stderr.count("\n") == 1
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
