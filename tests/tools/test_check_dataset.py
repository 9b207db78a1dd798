"""The check of a data set, run as a user runs it, on a few built-in people."""

import json
import shutil


def unwrapped(table, between=" "):
    return between.join(line.split("│")[-1].strip() for line in table.splitlines())


def test_good_and_bad_sets(tool, people, tmp_path):
    good = tool("check_dataset", people, "--out", "report")
    assert good.returncode == 0, good.stderr
    assert good.stdout.splitlines()[-2].endswith("kinds of faults: 0, of warnings: 1")
    assert "report/report.json" in good.stdout
    findings = json.loads((tmp_path / "report/report.json").read_text())["findings"]
    assert {f["kind"] for f in findings} == {"keypoint_outside_box"}  # hidden ones, as in COCO

    shutil.copytree(people, tmp_path / "bad")
    annotations = tmp_path / "bad/annotations/person_keypoints_val2017.json"
    content = json.loads(annotations.read_text())
    content["annotations"][0]["bbox"][2] = 0
    annotations.write_text(json.dumps(content))
    image = content["images"][0]["file_name"]
    (tmp_path / "bad/val2017" / image).write_bytes(b"")
    bad = tool("check_dataset", tmp_path / "bad", "--out", "bad-report")
    assert bad.returncode == 1 and "kinds of faults: 2, of warnings: 1" in bad.stderr
    told = unwrapped(bad.stdout)
    for text in (f"annotation {content['annotations'][0]['id']},", f"val2017/{image}: "):
        assert text in told
    assert "box_without_area, val2017" in told and "Remedy: write boxes as x, y," in told
    findings = json.loads((tmp_path / "bad-report/report.json").read_text())["findings"]
    assert [f["kind"] for f in findings if f["fault"]] == ["unreadable_image", "box_without_area"]

    quick = tool("check_dataset", tmp_path / "bad", "--no-images")
    assert quick.returncode == 1 and "kinds of faults: 1" in quick.stderr
    assert "Decoding" not in quick.stdout


def test_what_is_missing_and_where_it_goes(tool, tmp_path):
    nothing = tool("check_dataset", tmp_path / "coco")
    assert nothing.returncode == 1 and nothing.stderr.startswith("error: ")
    (tmp_path / "coco").mkdir()
    empty = tool("check_dataset", tmp_path / "coco")
    assert empty.returncode == 1 and "kinds of faults: 2" in empty.stderr
    for text in (nothing.stderr, unwrapped(empty.stdout, "")):
        for place in ("annotations/annotations_trainval2017", "zips/train2017", "zips/val2017"):
            assert f"http://images.cocodataset.org/{place}.zip" in text

    (tmp_path / "coco/mine.txt").touch()
    refused = tool("check_dataset", tmp_path / "coco", "--out", tmp_path / "coco")
    assert refused.returncode == 1 and "coco is not empty: " in refused.stderr
