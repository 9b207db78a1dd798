"""Pictures of what a pose network sees."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from tasks.pose.pictures import contact_sheet, draw_person


@HOOKS.register_module()
class ContactSheetHook(Hook):
    """After validation and test, write a contact sheet: prediction left, ground truth right.

    With boxes of a detector, which belong to no annotation, there is the prediction alone.

    One person of each of the first batches is shown, in
    ``WORK_DIR/pictures/{epoch_N,test}.png``.

    Args:
        persons: how many persons to show.
        out_dir: another folder for the pictures.
    """

    def __init__(self, persons: int = 24, out_dir: str | None = None) -> None:
        self.persons = persons
        self.out_dir = out_dir
        self.tiles: list[np.ndarray] = []

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self._collect(outputs, len(runner.val_dataloader))

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self._collect(outputs, len(runner.test_dataloader))

    def after_val_epoch(self, runner, metrics=None) -> None:
        self._write(runner, f"epoch_{runner.epoch}")

    def after_test_epoch(self, runner, metrics=None) -> None:
        self._write(runner, "test")

    def _collect(self, outputs, batches: int) -> None:
        share = -(-self.persons // batches)
        for sample in (outputs or [])[: min(share, self.persons - len(self.tiles))]:
            self.tiles.append(_tile(sample))

    def _write(self, runner, name: str) -> None:
        tiles, self.tiles = self.tiles, []
        if not (tiles and is_main_process()):
            return
        folder = Path(self.out_dir or Path(runner.work_dir) / "pictures")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        cv2.imwrite(str(path), contact_sheet(tiles, columns=6, size=(300, 256)))
        runner.logger.info(f"Predictions (left) beside ground truth (right): {path}")


def _tile(sample, height: int = 256) -> np.ndarray:
    image = cv2.imread(sample.img_path)
    x0, y0, x1, y1 = _region(sample.gt_instances.bboxes[0], image.shape)
    crop = image[y0:y1, x0:x1]
    scale = height / crop.shape[0]
    crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)

    def draw(points, visible):
        points = (np.asarray(points, float) - (x0, y0)) * scale
        return draw_person(crop, np.column_stack([points, visible]), scale=1)

    predicted, truth = sample.pred_instances, sample.gt_instances
    labelled = np.asarray(truth.keypoints_visible[0]).reshape(17, -1)[:, 0]
    left = draw(predicted.keypoints[0], np.full(17, 2.0))
    if "raw_ann_info" not in sample:
        return left
    right = draw(truth.keypoints[0], np.where(labelled > 0, 2.0, 0.0))
    return np.concatenate([left, right], axis=1)


def _region(box, shape, margin: float = 0.15) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = np.asarray(box, float)
    dx, dy = margin * (x1 - x0), margin * (y1 - y0)
    return (
        int(max(0, x0 - dx)),
        int(max(0, y0 - dy)),
        int(min(shape[1], max(x1 + dx, x0 + 8))),
        int(min(shape[0], max(y1 + dy, y0 + 8))),
    )
