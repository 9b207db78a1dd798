"""tools/predict.py, run as a user runs it, against tools/test.py."""

import json
import shutil
from argparse import Namespace
from pathlib import Path

import cv2
import pytest

from bsam_suite.errors import InputError
from tasks.pose.predict.command import predict

CONFIG = "configs/pose/hrnet_adam.py"
PEOPLE = ["people.train=48", "people.val=12"]


def read(path):
    return json.loads(Path(path).read_text())


def test_keypoints_are_those_of_an_evaluation(tool, home, random_hrnet, tmp_path):
    options = [*PEOPLE, "test_evaluator.outfile_prefix=test"]
    tested = tool("test", CONFIG, random_hrnet, "--work-dir", "run", options=options)
    assert tested.returncode == 0, tested.stderr[-2000:]
    (data,) = home.glob("people-v*-seed0-48-12")
    annotations = data / "annotations/person_keypoints_val2017.json"
    checkpoint = str(random_hrnet)
    found = tool("predict", checkpoint, data / "val2017", "--boxes", annotations, "--out", "out")
    assert found.returncode == 0, found.stderr[-2000:]
    results, expected = (
        read(tmp_path / "out/results.keypoints.json"),
        read(tmp_path / "test.keypoints.json"),
    )
    assert results == expected and len(results) > 12

    count = f"{len(results)} persons in 12 images\n"
    assert count in found.stdout and "Contact sheet: out/contact_sheet.jpg\n" in found.stdout
    images = read(tmp_path / "out/images.json")["images"]
    assert [i["id"] for i in images] == [i["id"] for i in read(annotations)["images"]]
    for image in images:
        drawn = cv2.imread(str(tmp_path / "out/pictures" / image["file_name"]))
        assert drawn.shape == (image["height"], image["width"], 3)
    assert cv2.imread(str(tmp_path / "out/contact_sheet.jpg")).std() > 10


def test_a_picture_is_one_person(people, random_hrnet, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    picture = next((people / "val2017").glob("*.jpg"))
    height, width = cv2.imread(str(picture)).shape[:2]
    options = dict(config=None, boxes=None, detector=None, annotations=None)
    args = Namespace(checkpoint=str(random_hrnet), inputs=[picture], out=None, **options)
    predict(args)
    folder = Path("work_dirs/predict", picture.stem)
    (result,) = read(folder / "results.keypoints.json")
    assert result["image_id"] == 1 and result["bbox"] == [0, 0, width, height]
    assert f"Contact sheet: {folder}/contact_sheet.jpg\n" in capsys.readouterr().out

    clips = [Path("clips/a"), Path("clips/b")]
    for clip in clips:
        clip.mkdir(parents=True)
        shutil.copy(picture, clip / "0001.jpg")
    predict(Namespace(**dict(vars(args), inputs=clips, out=Path("two"))))
    names = ["a/0001.jpg", "b/0001.jpg"]
    assert [i["file_name"] for i in read("two/images.json")["images"]] == names
    assert [r["image_id"] for r in read("two/results.keypoints.json")] == [1, 2]
    assert all(cv2.imread(f"two/pictures/{name}").shape[:2] == (height, width) for name in names)

    with pytest.raises(InputError, match="--out .* is not empty: "):
        predict(Namespace(**dict(vars(args), out=folder)))


def test_results_have_the_category_of_the_annotations(people, random_hrnet, tmp_path):
    """So that eval_pose finds them again; a detector's dogs are left out."""
    content = read(people / "annotations/person_keypoints_val2017.json")
    content["categories"][0]["id"] = 3
    content["annotations"] = [dict(a, category_id=3) for a in content["annotations"]]
    names = {image["id"]: image["file_name"] for image in content["images"]}
    person = content["annotations"][0]
    picture = people / "val2017" / names[person["image_id"]]
    here = [a for a in content["annotations"] if a["image_id"] == person["image_id"]]
    found = [dict(person, category_id=c, score=0.5) for c in (3, 18)]
    for name, data in dict(truth=content, found=found, dogs=found[1:]).items():
        (tmp_path / f"{name}.json").write_text(json.dumps(data))

    def run(name, **files):
        files = {option: tmp_path / f"{file}.json" for option, file in files.items()}
        options = dict(config=None, boxes=None, detector=None, annotations=None) | files
        out = tmp_path / name
        args = Namespace(checkpoint=str(random_hrnet), inputs=[picture], out=out, **options)
        predict(args)
        (category,) = read(out / "images.json")["categories"]
        assert category["id"] == 3
        return [r["category_id"] for r in read(out / "results.keypoints.json")]

    assert run("boxes", boxes="truth") == [3] * len(here)
    assert run("detections", boxes="found", annotations="truth") == [3]
    assert run("whole", annotations="truth") == [3]
    with pytest.raises(InputError, match="dogs.json has entries of category_id 18, none of 3, "):
        run("dogs", boxes="dogs", annotations="truth")
