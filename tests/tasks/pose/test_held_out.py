"""A part of the training people, cut off to choose by: AP without a file of annotations."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmpose.registry import DATASETS, METRICS

from bsam_suite.compare.hold_out import hold_out, of_items
from bsam_suite.engine.config import load_config

CONFIG = Path(__file__).parents[3] / "configs/pose/hrnet-tiny_adam_people-128x96.py"


@pytest.fixture
def cfg(people):
    return load_config(str(CONFIG), {"data_root": str(people)})


def ap(evaluator, dataset):
    """AP of guesses that miss the keypoints by up to some pixels."""
    rng = np.random.default_rng(0)
    evaluator = Evaluator([METRICS.build(one) for one in copy.deepcopy(evaluator)])
    evaluator.dataset_meta = dataset.metainfo
    for i in range(len(dataset)):
        sample = dataset[i]["data_samples"]
        truth = sample.gt_instances
        guess = truth.keypoints + rng.normal(0, 4, truth.keypoints.shape)
        scores = rng.random(guess.shape[:2]).astype(np.float32)
        sample.pred_instances = InstanceData(
            keypoints=guess, keypoint_scores=scores, bboxes=truth.bboxes, bbox_scores=scores[:, 0]
        )
        evaluator.process([sample])
    return evaluator.evaluate(len(dataset))


def test_ap_of_the_items_is_that_of_their_file(cfg):
    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    by_file, by_items = (
        ap([evaluator], dataset) for evaluator in (cfg.val_evaluator, of_items(cfg.val_evaluator))
    )
    assert by_items == pytest.approx(by_file)
    assert 0.05 < by_file["coco/AP"] < 0.95


def test_ap_of_a_part_is_that_of_a_file_with_these_images(cfg, people, tmp_path):
    whole = copy.deepcopy(cfg.train_dataloader.dataset)
    hold_out(cfg, 0.4)
    train, held_out = (
        DATASETS.build(cfg[name].dataset) for name in ("train_dataloader", "val_dataloader")
    )
    names = [{sample["img_path"] for sample in map(part.dataset.get_data_info, part.indices)}
             for part in (train, held_out)]  # fmt: skip
    assert not names[0] & names[1] and len(names[0] | names[1]) == 48
    # Prepared as for validation: no augmentation, the same items each time.
    assert np.array_equal(held_out[0]["inputs"], held_out[0]["inputs"])
    content = json.loads((people / whole.ann_file).read_text())
    chosen = {Path(name).name for name in names[1]}
    images = [image for image in content["images"] if image["file_name"] in chosen]
    ids = {image["id"] for image in images}
    content["images"] = images
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] in ids]
    (tmp_path / "part.json").write_text(json.dumps(content))
    by_file = [dict(type="CocoMetric", ann_file=str(tmp_path / "part.json"))]
    assert ap([cfg.val_evaluator], held_out) == pytest.approx(ap(by_file, held_out))
