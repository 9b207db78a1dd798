"""RTMPose's augmentation, without Albumentations and MMDetection."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmpose.registry import TRANSFORMS

from bsam_suite.errors import InputError


@TRANSFORMS.register_module()
class BlurAndErase(BaseTransform):
    """Randomly blur the image, and set a rectangle of it to black.

    RTMPose uses Albumentations' Blur, MedianBlur and CoarseDropout for this (arXiv 2303.07399). The
    blurs have an odd kernel of 3 to 7 pixels. Height and width of the rectangle are each 0.2 to 0.4
    of the image's.

    Args:
        blur: its probability, from 0 to 1.
        median: likewise, of the blur by medians.
        erase: likewise, of the rectangle.

    Raises:
        InputError: a probability is below 0 or above 1.
    """

    def __init__(self, blur: float = 0.1, median: float = 0.1, erase: float = 1.0) -> None:
        for name, value in dict(blur=blur, median=median, erase=erase).items():
            if not 0 <= value <= 1:
                raise InputError(f"{name}={value!r} in BlurAndErase: give a probability, 0 to 1")
        self.blur, self.median, self.erase = blur, median, erase

    def transform(self, results: dict) -> dict:
        """Change ``results["img"]``, (H, W, 3) uint8."""
        image = results["img"]
        if np.random.rand() < self.blur:
            image = cv2.blur(image, (_kernel(),) * 2)
        if np.random.rand() < self.median:
            image = cv2.medianBlur(image, _kernel())
        if np.random.rand() < self.erase:
            image = image.copy()
            image[_part(image.shape[0]), _part(image.shape[1])] = 0
        results["img"] = image
        return results


def _kernel() -> int:
    return int(np.random.choice((3, 5, 7)))


def _part(length: int) -> slice:
    size = int(length * np.random.uniform(0.2, 0.4))
    start = np.random.randint(length - size + 1)
    return slice(start, start + size)


@HOOKS.register_module()
class PipelineSwitchHook(Hook):
    """Train with another pipeline in the last epochs. RTMPose uses weaker augmentation there.

    Args:
        num_last_epochs: number of epochs with the other pipeline; a shorter run has it throughout.
        switch_pipeline: the pipeline that replaces the data set's own.

    Raises:
        InputError: num_last_epochs is less than 1.
    """

    def __init__(self, num_last_epochs: int, switch_pipeline: list[dict]) -> None:
        if num_last_epochs < 1:
            raise InputError(
                f"num_last_epochs={num_last_epochs!r} in PipelineSwitchHook: give 1 or more"
            )
        self.num_last_epochs = num_last_epochs
        self.pipeline = Compose(switch_pipeline)

    def before_train_epoch(self, runner) -> None:
        loader = runner.train_dataloader
        early = runner.epoch < runner.max_epochs - self.num_last_epochs
        if early or loader.dataset.pipeline is self.pipeline:
            return
        loader.dataset.pipeline = self.pipeline
        loader._iterator = None  # persistent workers have a copy of the data set
        runner.logger.info(f"Switched the training pipeline: {self.num_last_epochs} epochs left")
