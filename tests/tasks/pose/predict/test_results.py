"""Scores and suppression are those of the config's evaluator."""

import numpy as np
import pytest

from bsam_suite.compat import import_mmpose

import_mmpose()

from tasks.pose.coco import SIGMAS  # noqa: E402
from tasks.pose.predict.results import Results  # noqa: E402

METAINFO = dict(num_keypoints=17, sigmas=np.array(SIGMAS), dataset_name="coco")


def sample(number, image_id, shift, score, box_score):
    points = np.column_stack([np.arange(17) * 6.0 + shift, np.arange(17) * 6.0])[None]
    found = dict(
        keypoints=points,
        keypoint_scores=np.full((1, 17), score),
        bboxes=np.array([[0.0, 0, 100, 110]]),
        bbox_scores=np.array([box_score]),
    )
    truth = dict(bbox_scales=np.array([[100.0, 110]]))
    return dict(id=number, img_id=image_id, pred_instances=found, gt_instances=truth)


def write(folder, **evaluator):
    results = Results(dict(type="CocoMetric", ann_file="none.json", **evaluator), METAINFO, folder)
    results.add([sample(0, 7, 0, 0.5, 0.5), sample(1, 7, 0, 0.5, 0.75)])
    results.add([sample(2, 9, 3, 0.5, 1.0)])
    return results.write()


def test_scores_and_nms(tmp_path):
    found = write(tmp_path)
    assert [(r["image_id"], r["score"]) for r in found] == [(7, 0.375), (9, 0.5)]
    assert found[1]["bbox"] == [0, 0, 100, 110]
    assert found[1]["keypoints"][:6] == pytest.approx([3, 0, 0.5, 9, 6, 0.5])
    assert len(write(tmp_path, nms_mode="none")) == 3
    assert [r["score"] for r in write(tmp_path, score_mode="bbox")] == [0.75, 1]


def test_nobody(tmp_path):
    assert Results({}, METAINFO, tmp_path).write() == []
    assert (tmp_path / "results.keypoints.json").read_text() == "[]\n"
