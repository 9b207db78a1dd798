"""Images of a segmentation network's predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import cv2
import numpy as np
from mmengine.registry import HOOKS

from bsam_suite.engine.sheet_hook import SheetHook
from tasks.segmentation.draw import draw_mask


@HOOKS.register_module()
class MaskSheetHook(SheetHook):
    """After validation and test, write a contact sheet: prediction left, ground truth right.

    Args:
        images: number of images.
        out_dir: another folder than ``WORK_DIR/pictures``.
    """

    caption = "Predictions (left) beside ground truth (right)"
    size = (360, 180)

    def __init__(self, images: int = 24, out_dir: str | None = None) -> None:
        super().__init__(images, out_dir)

    def draw(self, samples: Sequence, metainfo: Mapping) -> Iterator[np.ndarray]:
        for sample in samples:
            image = cv2.imread(sample.img_path)
            found = sample.pred_sem_seg.data.squeeze().cpu().numpy()
            if image is None or image.shape[:2] != found.shape:
                continue
            masks = [found]
            if "gt_sem_seg" in sample:
                masks.append(sample.gt_sem_seg.data.squeeze().cpu().numpy())
            yield np.concatenate([draw_mask(image, m, metainfo["palette"]) for m in masks], 1)
