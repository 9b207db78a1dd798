"""Images of a pose network's predictions."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from bsam_suite.errors import InputError
from tasks.pose.crops import crop_person, read_image
from tasks.pose.metainfo import metainfo_skeleton
from tasks.pose.skeleton import Skeleton
from tasks.pose.visualization import contact_sheet


@HOOKS.register_module()
class ContactSheetHook(Hook):
    """After validation and test, write a contact sheet: prediction left, ground truth right.

    Boxes of a detector have no ground truth; then there is only the prediction. Areas outside the
    image are grey, and so is an image that cannot be read.

    Shows persons of the first batches, in ``WORK_DIR/pictures/{epoch_N,test}.png``.

    Args:
        persons: number of persons.
        out_dir: another folder.
    """

    def __init__(self, persons: int = 24, out_dir: str | None = None) -> None:
        self.persons = persons
        self.out_dir = out_dir
        self.tiles: list[np.ndarray] = []

    def before_run(self, runner) -> None:
        """Create the folder before the training starts.

        Raises:
            InputError: it cannot be created.
        """
        self.folder = Path(self.out_dir or Path(runner.work_dir) / "pictures")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"the image folder {self.folder} cannot be created ({error}): give another one by "
                "--show-dir"
            ) from error

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self._collect(outputs, runner.val_dataloader)

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self._collect(outputs, runner.test_dataloader)

    def after_val_epoch(self, runner, metrics=None) -> None:
        self._write(runner, f"epoch_{runner.epoch}")

    def after_test_epoch(self, runner, metrics=None) -> None:
        self._write(runner, "test")

    def _collect(self, outputs, loader) -> None:
        share = -(-self.persons // len(loader))
        skeleton = metainfo_skeleton(loader.dataset.metainfo)
        persons = [s for s in outputs or [] if len(s.gt_instances) and len(s.pred_instances)]
        for sample in persons[: min(share, self.persons - len(self.tiles))]:
            self.tiles.append(_tile(sample, skeleton))

    def _write(self, runner, name: str) -> None:
        tiles, self.tiles = self.tiles, []
        if not (tiles and is_main_process()):
            return
        path = self.folder / f"{name}.png"
        if cv2.imwrite(str(path), contact_sheet(tiles, columns=6, size=(300, 256))):
            runner.logger.info(f"Predictions (left) beside ground truth (right): {path}")
        else:
            runner.logger.warning(f"{path} could not be written: is the disk full?")


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
