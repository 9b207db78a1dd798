"""Tests of the files of the generator of synthetic people."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tasks.pose.coco import KEYPOINTS
from tasks.pose.people import VERSION, dataset, jobs, people_root, write_people
from tasks.pose.people.__main__ import main
from tasks.pose.people.parts import PARTS

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A small set, written by this process alone."""
    folder = tmp_path_factory.mktemp("people") / "set"
    return write_people(folder, train=8, val=4, seed=5, workers=1, progress=False)


def contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def annotations(root: Path, split: str) -> dict:
    return json.loads((root / "annotations" / f"person_keypoints_{split}2017.json").read_text())


def test_same_seed_gives_the_same_bytes_with_two_workers(root, tmp_path):
    other = write_people(tmp_path / "again", train=8, val=4, seed=5, workers=2, progress=False)
    assert contents(other) == contents(root)


def test_seeds_splits_and_pictures_differ(root, tmp_path):
    other = write_people(tmp_path / "s", train=4, val=0, seed=6, workers=1, progress=False)
    pictures = [v for k, v in contents(root).items() if k.endswith(".jpg")]
    pictures += [v for k, v in contents(other).items() if k.endswith(".jpg")]
    assert len(pictures) == len(set(pictures)) == 16


def test_a_larger_set_starts_with_the_smaller_one(root, tmp_path):
    other = write_people(tmp_path / "s", train=3, val=1, seed=5, workers=1, progress=False)
    known = contents(root)
    for name, content in contents(other).items():
        if name.endswith(".jpg"):
            assert known[name] == content


def test_layout_is_that_of_coco(root):
    ids = set()
    for split, count in (("train", 8), ("val", 4)):
        content = annotations(root, split)
        assert [c["name"] for c in content["categories"]] == ["person"]
        assert content["categories"][0]["keypoints"] == list(KEYPOINTS)
        assert min(min(edge) for edge in content["categories"][0]["skeleton"]) == 1
        assert len(content["images"]) == count
        for image in content["images"]:
            picture = cv2.imread(str(root / f"{split}2017" / image["file_name"]))
            assert picture.shape == (image["height"], image["width"], 3)
            assert any(a["image_id"] == image["id"] for a in content["annotations"])
        for entry in content["annotations"]:
            assert len(entry["keypoints"]) == 51 and entry["iscrowd"] == 0
            assert entry["id"] not in ids
            ids.add(entry["id"])


def test_masks_are_as_large_as_the_annotated_people(root):
    checked = 0
    for split in ("train", "val"):
        content = annotations(root, split)
        for image in content["images"]:
            file = Path(image["file_name"]).with_suffix(".png")
            mask = cv2.imread(str(root / "masks" / f"{split}2017" / file), cv2.IMREAD_UNCHANGED)
            assert mask.shape == (image["height"], image["width"]) and mask.dtype == np.uint8
            area = sum(a["area"] for a in content["annotations"] if a["image_id"] == image["id"])
            checked += (mask > 0).sum() == area  # others also show somebody too small to label
            assert (mask > 0).sum() >= area > 0 and 2 <= mask.max() < len(PARTS)
    assert checked >= 8


def test_truth_scored_as_a_detection_is_perfect(root, capsys):
    path = root / "annotations" / "person_keypoints_train2017.json"
    truth = COCO(str(path))
    detections = [
        {k: a[k] for k in ("image_id", "category_id", "keypoints")} | {"score": 1.0}
        for a in annotations(root, "train")["annotations"]
    ]

    def precision(found: list[dict]) -> float:
        run = COCOeval(truth, truth.loadRes(found), "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
        return run.stats[0]

    assert precision(detections) == pytest.approx(1.0)
    for found in detections:
        points = np.reshape(found["keypoints"], (17, 3)).astype(float)
        found["keypoints"] = (points + [25, 0, 0]).ravel().tolist()
    assert precision(detections) < 0.9


def test_a_complete_set_is_not_written_again(root):
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*")}
    assert write_people(root, train=8, val=4, seed=5, workers=1) == root
    assert {p: p.stat().st_mtime_ns for p in root.rglob("*")} == before


@pytest.mark.parametrize("args", [{"train": 9}, {"seed": 6}])
def test_another_set_is_not_overwritten(root, args):
    before = contents(root)
    with pytest.raises(FileExistsError, match="another set"):
        write_people(root, **({"train": 8, "val": 4, "seed": 5, "workers": 1} | args))
    assert contents(root) == before


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="mine"):
        write_people(tmp_path / "mine", train=1, val=0, workers=1)
    assert contents(tmp_path) == {"mine/thesis.txt": b"precious"}


@pytest.mark.parametrize("folder", ["train2017", "masks/train2017"])
def test_a_set_that_lost_files_is_refused(tmp_path, folder):
    root = write_people(tmp_path / "s", train=2, val=1, workers=1, progress=False)
    next((root / folder).iterdir()).unlink()
    with pytest.raises(FileExistsError, match="lost some of its train"):
        write_people(root, train=2, val=1, workers=1, progress=False)


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "s").mkdir()
    write_people(tmp_path / "s", train=1, val=0, workers=1, progress=False)
    assert len(list((tmp_path / "s" / "train2017").iterdir())) == 1


@pytest.mark.parametrize(
    "args", [{"train": 0}, {"train": -1}, {"val": -1}, {"seed": -1}, {"workers": 0}, {"train": 1.5}]
)
def test_numbers_out_of_range_are_refused(tmp_path, args):
    (name, value), *_ = args.items()
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        write_people(tmp_path / "s", **args)
    assert not list(tmp_path.iterdir())


def test_an_exception_leaves_nothing(tmp_path, monkeypatch):
    calls = []

    def failing(job):
        calls.append(job)
        if len(calls) == 2:
            raise OSError("No space left on device")
        return make_picture(job)

    make_picture = jobs.make_picture
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "make_picture", failing)
        with pytest.raises(OSError, match="No space"):
            write_people(tmp_path / "s", train=3, val=0, workers=1, progress=False)
    assert len(calls) == 2 and not list(tmp_path.iterdir())
    write_people(tmp_path / "s", train=3, val=0, workers=1, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_killed_run_leaves_no_set_and_its_rest_is_removed(tmp_path):
    code = (
        "import sys; from tasks.pose.people import write_people\n"
        "if __name__ == '__main__':\n"
        "    write_people(sys.argv[1], train=5000, val=0, workers=1, progress=False)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "s")], cwd=REPOSITORY)
    try:
        deadline = time.monotonic() + 15
        while not list(tmp_path.glob(".s.tmp-*/train2017/*.jpg")):
            assert run.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert not (tmp_path / "s").exists()
    assert len(list(tmp_path.iterdir())) == 1
    write_people(tmp_path / "s", train=1, val=1, workers=1, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_a_failing_worker_ends_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(dataset, "Job", lambda seed, i, path: jobs.Job(seed, i, path + "/no.jpg"))
    with pytest.raises(OSError, match="no.jpg"):
        write_people(tmp_path / "s", train=3, val=0, workers=2, progress=False)
    assert not list(tmp_path.iterdir())


def test_of_two_runs_at_once_the_slower_drops_its_copy(tmp_path, monkeypatch):
    arguments = {"train": 2, "val": 1, "seed": 0, "workers": 1, "progress": False}
    run_jobs = dataset.run_jobs

    def overtaken(*args):
        with monkeypatch.context() as patch:
            patch.setattr(dataset, "run_jobs", run_jobs)
            write_people(tmp_path / "s", **arguments)
        (tmp_path / "s" / "first").touch()
        return run_jobs(*args)

    monkeypatch.setattr(dataset, "run_jobs", overtaken)
    assert write_people(tmp_path / "s", **arguments) == tmp_path / "s"
    assert (tmp_path / "s" / "first").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_the_default_folder_follows_the_environment(tmp_path, monkeypatch):
    name = f"people-v{VERSION}-seed3-20-10"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("BSAM_SUITE_HOME", raising=False)
    assert people_root(20, 10, 3) == tmp_path / "cache" / "bsam_suite" / name
    monkeypatch.setenv("BSAM_SUITE_HOME", str(tmp_path / "home"))
    assert people_root(20, 10, 3) == tmp_path / "home" / name
    monkeypatch.delenv("BSAM_SUITE_HOME")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert people_root(20, 10, 3) == Path.home() / ".cache" / "bsam_suite" / name


def test_the_command_writes_a_set_and_a_sheet(tmp_path, capsys):
    root, sheet = tmp_path / "s", tmp_path / "sheet.png"
    arguments = ["--train", "1", "--val", "2", "--root", str(root), "--workers", "1"]
    assert main([*arguments, "--contact-sheet", str(sheet)]) == 0
    assert str(root) in capsys.readouterr().out
    assert cv2.imread(str(sheet)).shape[1] > 500
    assert main(["--train", "0", "--root", str(tmp_path / "t")]) == 1
    assert "train is 0" in capsys.readouterr().err
