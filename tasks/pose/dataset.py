"""MMPose's ``CocoDataset`` with detected boxes of persons of any category id."""

from __future__ import annotations

import os.path

import numpy as np
from mmpose.datasets import CocoDataset
from mmpose.registry import DATASETS
from mmpose.structures.bbox import bbox_xywh2xyxy

from bsam_suite.errors import InputError
from tasks.pose.category_ids import keypoint_categories, of_categories
from tasks.pose.coco_files import read_annotations, read_results
from tasks.pose.people import write_people


@DATASETS.register_module()
class AnyCategoryCocoDataset(CocoDataset):
    """MMPose's ``CocoDataset``, but with ``bbox_file`` persons may have any ``category_id``.

    Detections need the category of the annotation file, and results get that of their detection.
    (MMPose 1.3.2 uses category 1 for both.)

    Args: as in MMPose's ``CocoDataset``.
    """

    def _load_detection_results(self) -> list[dict]:
        content = read_annotations(self.ann_file)
        self._metainfo["CLASSES"] = content["categories"]
        images = {image["id"]: image for image in content["images"]}
        count = self.metainfo["num_keypoints"]
        infos = []
        for found in read_detections(self.bbox_file, content, self.ann_file):
            image = images[found["image_id"]]
            infos.append(
                dict(
                    id=len(infos),
                    img_id=found["image_id"],
                    img_path=os.path.join(self.data_prefix["img"], image["file_name"]),
                    img_shape=(image["height"], image["width"]),
                    category_id=np.array(found["category_id"]),
                    bbox=bbox_xywh2xyxy(np.array([found["bbox"]], np.float32)),
                    bbox_score=np.array([found["score"]], np.float32),
                    keypoints=np.zeros((1, count, 2), np.float32),
                    keypoints_visible=np.ones((1, count), np.float32),
                )
            )
        return infos


@DATASETS.register_module()
class PeopleDataset(AnyCategoryCocoDataset):
    """The people that come with the suite; they are written first where ``data_root`` is missing.

    Args:
        data_root: folder in COCO's layout.
        *args: as those of MMPose's ``CocoDataset``.
        **kwargs: likewise.
    """

    #: A float model of them is trained where a quantized one asks for it.
    embedded = True

    def __init__(self, *args, data_root: str, **kwargs) -> None:
        if not os.path.exists(data_root):
            write_people(data_root)
        super().__init__(*args, data_root=data_root, **kwargs)


def read_detections(path: str, content: dict, annotations: str) -> list[dict]:
    """The detections of persons whose box is not empty.

    Raises:
        InputError: the file cannot be read, or has no such detection.
    """
    found = read_results(path, [image["id"] for image in content["images"]], "bbox")
    categories = keypoint_categories(content, annotations)
    persons = of_categories(found, categories, path)
    persons = [entry for entry in persons if min(entry["bbox"][2:]) > 0]
    if not persons:
        raise InputError(
            f"{path} has {len(found)} detections, none with a width and height above 0"
        )
    return persons
