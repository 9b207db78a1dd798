"""What a config can choose for evaluation: whose boxes, the flip test, and OKS-NMS."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.runner import Runner

from bsam_suite.engine.config import load_config, preflight
from bsam_suite.errors import InputError
from tasks.pose.coco import FLIP_PAIRS

CONFIG = str(Path(__file__).parents[3] / "configs/pose/hrnet-tiny_adam_people-128x96.py")


@pytest.fixture
def config(people, random_hrnet, tmp_path):
    """The people's config with options, results and pictures in ``tmp_path / NAME``."""

    def load(name, **options):
        options = {k.replace("__", "."): v for k, v in options.items()}
        written = {"people.train": 48, "people.val": 12, "people.seed": 1}
        cfg = load_config(CONFIG, {"data_root": str(people), **written, **options})
        cfg.work_dir = str(tmp_path / name)
        cfg.load_from = str(random_hrnet)
        cfg.test_evaluator.outfile_prefix = str(tmp_path / name / "results")
        return cfg

    return load


@pytest.fixture
def evaluate(config):
    """Test the random network and read the results json."""

    def run(name, **options):
        cfg = config(name, **options)
        preflight(cfg)
        Runner.from_cfg(cfg).test()
        return json.loads(Path(cfg.work_dir, "results.keypoints.json").read_text())

    return run


@pytest.fixture
def boxes(people, tmp_path):
    """Detections at the true boxes, each twice with scores of 0.5 and 0.25, and a dog's."""
    content = json.loads((people / "annotations/person_keypoints_val2017.json").read_text())
    found = []
    sizes = {i["id"]: (i["width"] - 1, i["height"] - 1) for i in content["images"]}
    for a in content["annotations"]:
        x, y, w, h = a["bbox"]
        right, bottom = np.minimum([x + w, y + h], sizes[a["image_id"]]).tolist()
        box = [x, y, right - x, bottom - y]
        entry = dict(image_id=a["image_id"], category_id=1, bbox=box)
        found += [dict(entry, score=0.5), dict(entry, score=0.25)]
        found += [dict(entry, category_id=18, score=0.9)]
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(found))
    return path


def by_box(results):
    return {(r["image_id"], *r["bbox"]): r for r in results}


def test_true_boxes_detections_and_nms(evaluate, boxes, tmp_path):
    true = evaluate("true")
    options = dict(test_dataloader__dataset__bbox_file=str(boxes))
    every = evaluate("every", **options, test_evaluator__nms_mode="none")
    best = evaluate("best", **options)
    assert len(every) == 2 * len(true) and len(best) == len(true) > 12
    assert by_box(best).keys() == by_box(true).keys()
    for key, result in by_box(best).items():
        expected = by_box(true)[key]
        np.testing.assert_allclose(result["keypoints"], expected["keypoints"], atol=1e-3)
        assert result["score"] == pytest.approx(0.5 * expected["score"], rel=1e-5)
    # Pictures hold the ground truth beside the prediction where there is one.
    one, two = (cv2.imread(str(tmp_path / name / "pictures/test.png")) for name in ("true", "best"))
    assert (one != 32).any(2).mean() > 1.3 * (two != 32).any(2).mean()


def test_flip_test_sees_no_side(config):
    """The heatmaps of a mirrored image are the mirrored heatmaps, left and right exchanged."""
    cfg = config("flip")
    preflight(cfg)
    runner = Runner.from_cfg(cfg)
    runner.load_or_resume()
    model = runner.model.eval()
    batch = model.data_preprocessor(next(iter(runner.test_dataloader)), False)
    partner = list(range(17))
    for left, right in FLIP_PAIRS:
        partner[left], partner[right] = right, left

    def heatmaps(inputs, **options):
        model.test_cfg.update(output_heatmaps=True, **options)
        with torch.no_grad():
            found = model.predict(inputs, batch["data_samples"])
        return torch.stack([sample.pred_fields.heatmaps for sample in found])

    inputs = batch["inputs"]
    seen, mirrored = heatmaps(inputs), heatmaps(inputs.flip(-1))
    torch.testing.assert_close(mirrored, seen.flip(-1)[:, partner], rtol=1e-4, atol=1e-5)
    plain = [heatmaps(x, flip_test=False) for x in (inputs, inputs.flip(-1))]
    assert (plain[1] - plain[0].flip(-1)[:, partner]).abs().max() > 1e-2
    expected = (plain[0] + plain[1].flip(-1)[:, partner]) / 2
    torch.testing.assert_close(seen, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda path: path.unlink(), "test_dataloader.dataset.bbox_file: .*does not exist: give"),
        (lambda path: path.write_text('{"a": 1}'), "a dict: .*list"),
        (
            lambda path: path.write_text(
                path.read_text().replace('"image_id": 1', '"image_id": 9')
            ),
            r"results\[0\] of .*: image_id 9.* is not among the 12 images",
        ),
    ],
)
def test_unusable_detections(config, boxes, change, said):
    cfg = config("bad", test_dataloader__dataset__bbox_file=str(boxes))
    preflight(cfg)
    change(boxes)
    with pytest.raises(InputError, match=said):
        preflight(cfg)


def test_another_category(people, boxes, tmp_path):
    """It is that of the annotation file; MMPose's own data set takes 1 alone."""
    for split in ("train2017", "val2017"):
        file = people / f"annotations/person_keypoints_{split}.json"
        content = json.loads(file.read_text().replace('"category_id": 1', '"category_id": 3'))
        content["categories"][0]["id"] = 3
        (tmp_path / "set/annotations").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"set/annotations/{file.name}").write_text(json.dumps(content))
        (tmp_path / f"set/{split}").symlink_to(people / split)
    options = {"data_root": str(tmp_path / "set"), "val_dataloader.dataset.bbox_file": str(boxes)}
    cfg = load_config(CONFIG.replace("adam_people", "bsam_coco"), options)
    with pytest.raises(InputError, match="of category_id 1, 18, none of 3, which"):
        preflight(cfg)
    boxes.write_text(boxes.read_text().replace('"category_id": 1,', '"category_id": 3,'))
    preflight(cfg)
    cfg.val_dataloader.dataset.type = "CocoDataset"
    said = "CocoDataset takes only 1: set val_dataloader.dataset.type=AnyCategory"
    with pytest.raises(InputError, match=said):
        preflight(cfg)
