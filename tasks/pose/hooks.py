"""Images of a pose network's predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from mmengine.registry import HOOKS

from bsam_suite.engine.sheet_hook import SheetHook
from tasks.pose.crops import crop_person, read_image
from tasks.pose.metainfo import metainfo_skeleton
from tasks.pose.skeleton import Skeleton


@HOOKS.register_module()
class ContactSheetHook(SheetHook):
    """After validation and test, write a contact sheet: prediction left, ground truth right.

    Boxes of a detector have no ground truth; then there is only the prediction. Areas outside the
    image are grey, and so is an image that cannot be read.

    Args:
        persons: number of persons.
        out_dir: another folder than ``WORK_DIR/pictures``.
    """

    caption = "Predictions (left) beside ground truth (right)"

    def __init__(self, persons: int = 24, out_dir: str | None = None) -> None:
        super().__init__(persons, out_dir)

    def draw(self, samples: Sequence, metainfo: Mapping) -> Iterator[np.ndarray]:
        skeleton = metainfo_skeleton(metainfo)
        for sample in samples:
            if len(sample.gt_instances) and len(sample.pred_instances):
                yield _tile(sample, skeleton)


def _tile(sample, skeleton: Skeleton) -> np.ndarray:
    x0, y0, x1, y1 = np.asarray(sample.gt_instances.bboxes[0], float)
    truth = np.empty((0, 3))
    if "raw_ann_info" in sample:
        points = np.asarray(sample.gt_instances.keypoints[0], float)
        visible = np.asarray(sample.gt_instances.keypoints_visible[0]).reshape(len(points), -1)
        truth = np.column_stack([points, np.where(visible[:, 0] > 0, 2.0, 0.0)])
    labelled = truth[truth[:, 2] > 0, :2]
    box = (x0, y0, x1 - x0, y1 - y0)
    crop = crop_person(read_image(sample.img_path), box, labelled, 256)
    found = np.asarray(sample.pred_instances.keypoints[0], float)
    left = crop.draw(np.column_stack([found, np.full(len(found), 2.0)]), skeleton)
    return np.concatenate([left, crop.draw(truth, skeleton)], 1) if len(truth) else left
