"""MMPose's own pictures of a real person."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import bsam_suite.compat.visualizer as module
from bsam_suite.compat import import_mmpose
from bsam_suite.compat.visualizer import patch_circle_radius


@pytest.fixture
def sample(people):
    """A person of a data set, found exactly."""
    import_mmpose()
    from mmengine.registry import init_default_scope
    from mmpose.registry import DATASETS
    from mmpose.structures import merge_data_samples

    init_default_scope("mmpose")
    steps = ["LoadImage", "GetBBoxCenterScale", "PackPoseInputs"]
    dataset = DATASETS.build(
        dict(
            type="CocoDataset",
            data_root=str(people),
            ann_file="annotations/person_keypoints_val2017.json",
            data_prefix=dict(img="val2017/"),
            pipeline=[dict(type=step) for step in steps],
        )
    )
    sample = dataset[0]["data_samples"]
    sample.pred_instances = sample.gt_instances.clone()
    sample.pred_instances.keypoint_scores = sample.gt_instances.keypoints_visible
    return dataset.metainfo, merge_data_samples([sample])


def test_the_hook_draws_each_keypoint_in_its_colour(sample, tmp_path):
    from mmpose.engine.hooks import PoseVisualizationHook
    from mmpose.visualization import PoseLocalVisualizer

    meta, person = sample
    PoseLocalVisualizer.get_instance("of this test", radius=3)
    hook = PoseVisualizationHook(enable=True, out_dir="drawn")
    evaluator = SimpleNamespace(dataset_meta=meta)
    runner = SimpleNamespace(work_dir=tmp_path, timestamp="now", test_evaluator=evaluator)
    hook.after_test_iter(runner, 0, None, [person])
    [file] = (tmp_path / "now/drawn").iterdir()
    picture = cv2.imread(str(file))[:, :, ::-1].astype(int)
    points = person.gt_instances.keypoints[0]
    seen = person.gt_instances.keypoints_visible[0] > 0
    apart = np.linalg.norm(points[:, None] - points, axis=-1) + 99 * np.eye(len(points))
    clear = np.flatnonzero(seen & (apart.min(1) > 8))
    assert len(clear) >= 3
    for i in clear:
        x, y = points[i].round().astype(int)
        assert abs(picture[y, x] - meta["keypoint_colors"][i]).max() < 40


def test_nothing_is_done_where_numpy_converts(monkeypatch):
    monkeypatch.setattr(module, "_converts", lambda: True)
    assert patch_circle_radius() is False
