"""The data preprocessor: normalization and augmentation of batches."""

from __future__ import annotations

import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.registry import MODELS

from bsam_suite.errors import InputError
from tasks.classification.augment import crop_and_flip, cutout


@MODELS.register_module()
class ImagePreprocessor(BaseDataPreprocessor):
    """Normalize batches of images on the device, and augment them for training.

    It runs once per step, before the passes of a sharpness-aware rule, so all passes use the same
    batch.

    Args:
        mean: of the red, green and blue values, 0 to 1.
        std: their standard deviations, likewise.
        crop_padding: largest shift of an image in pixels.
        flip: whether to mirror images with probability 1/2.
        cutout: side of the square that is set to 0, in pixels; 0 for none.

    Raises:
        InputError: a size is negative or a ``std`` is not positive.
    """

    #: Order of the network's input channels, written to exported files.
    channels = "RGB"

    def __init__(
        self,
        mean: list[float],
        std: list[float],
        crop_padding: int = 0,
        flip: bool = False,
        cutout: int = 0,
    ) -> None:
        super().__init__()
        for name, value in dict(crop_padding=crop_padding, cutout=cutout).items():
            if value < 0:
                raise InputError(f"data_preprocessor.{name}={value}: give 0 or more pixels")
        if min(std) <= 0:
            raise InputError(f"data_preprocessor.std={std}: give positive numbers")
        # For values of 0 to 255. Not stored in checkpoints, because the config has them.
        for name, value in dict(mean=mean, std=std).items():
            value = 255 * torch.tensor(value, dtype=torch.float32).view(-1, 1, 1)
            self.register_buffer(name, value, persistent=False)
        self.crop_padding, self.flip, self.cutout = crop_padding, flip, cutout

    def forward(self, data: dict, training: bool = False) -> dict:
        """``inputs`` (N, 3, H, W) uint8 become float32, about -2 to 2; ``labels`` stay."""
        data = self.cast_data(data)
        images = data["inputs"]
        if training and (self.crop_padding or self.flip):
            images = crop_and_flip(images, self.crop_padding, self.flip)
        # The network's memory format, or else each of its passes would reorder the batch.
        images = images.to(torch.float32, memory_format=torch.channels_last)
        images = (images - self.mean) / self.std
        if training and self.cutout:
            images = cutout(images, self.cutout)
        return {**data, "inputs": images}
