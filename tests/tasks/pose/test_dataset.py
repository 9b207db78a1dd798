"""Detections of any category: MMPose's persons where it is 1, and a perfect AP where it is not."""

import json

import numpy as np
import pytest

from bsam_suite.compat import import_mmpose
from bsam_suite.errors import InputError

import_mmpose()

from mmpose.datasets import CocoDataset  # noqa: E402
from mmpose.datasets.transforms import PackPoseInputs  # noqa: E402
from mmpose.evaluation.metrics import CocoMetric  # noqa: E402

from tasks.pose.dataset import AnyCategoryCocoDataset  # noqa: E402


@pytest.fixture
def load(people, tmp_path):
    """Both files written with a category; the data set that reads them, and the annotations."""
    content = json.loads((people / "annotations/person_keypoints_val2017.json").read_text())

    def load(kind, category):
        content["categories"][0]["id"] = category
        for annotation in content["annotations"]:
            annotation["category_id"] = category
        found = [
            dict(image_id=a["image_id"], category_id=category, bbox=a["bbox"], score=0.5 + i / 99)
            for i, a in enumerate(content["annotations"])
        ]
        other = dict(found[0], category_id=18)
        flat = dict(found[0], bbox=[3, 4, 0, 9])
        files = dict(truth=content, boxes=[*found, other, *([flat] * (category != 1))])
        for name, data in files.items():
            (tmp_path / f"{name}.json").write_text(json.dumps(data))
        return kind(
            ann_file=str(tmp_path / "truth.json"),
            bbox_file=str(tmp_path / "boxes.json"),
            data_prefix=dict(img=str(people / "val2017")),
            test_mode=True,
            serialize_data=False,
        )

    return load


def test_persons_are_mmpose_s_whatever_the_category(load):
    expected = load(CocoDataset, 1)
    assert len(load(CocoDataset, 3)) == 0
    for category in (1, 0, 3):
        data = load(AnyCategoryCocoDataset, category)
        assert len(data) == len(expected) > 12
        for one, two in zip(data.data_list, expected.data_list):
            assert one.pop("category_id") == category
            assert one.keys() == two.keys() - {"category_id"}
            for name, value in one.items():
                np.testing.assert_array_equal(value, two[name], strict=True)


@pytest.mark.parametrize("category", [0, 1, 3])
def test_perfect_keypoints_have_an_ap_of_1(load, tmp_path, category):
    data = load(AnyCategoryCocoDataset, category)
    content = json.loads((tmp_path / "truth.json").read_text())
    metric = CocoMetric(str(tmp_path / "truth.json"), nms_mode="none")
    metric.dataset_meta = data.metainfo
    for i, annotation in enumerate(content["annotations"]):
        info = dict(data.get_data_info(i), img=np.zeros((8, 8, 3), np.uint8))
        sample = PackPoseInputs()(info)["data_samples"].to_dict()
        points = np.reshape(annotation["keypoints"], (1, 17, 3))
        scores = np.ones((1, 17))
        sample["pred_instances"] = dict(keypoints=points[..., :2], keypoint_scores=scores)
        metric.process([], [sample])
    assert metric.evaluate(len(data))["coco/AP"] == pytest.approx(1)


def test_detections_of_nobody(load, tmp_path):
    data = load(AnyCategoryCocoDataset, 3)
    for found, said in (
        ([], "has 0 detections, none with a width"),
        ([dict(image_id=1, category_id=1)], r"boxes.json: it has no 'score'"),
    ):
        (tmp_path / "boxes.json").write_text(json.dumps(found))
        with pytest.raises(InputError, match=said):
            data.load_data_list()
