"""From the bytes of a data set to what a network takes."""

from __future__ import annotations

import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.registry import MODELS

from bsam_suite.errors import InputError
from tasks.classification.augment import crop_and_flip, cutout


@MODELS.register_module()
class ImagePreprocessor(BaseDataPreprocessor):
    """Normalize batches of images on the device; augment those for training.

    It runs once a step, ahead of the passes of a sharpness-aware rule: these all see one batch.

    Args:
        mean, std: of the red, green and blue values, 0 to 1.
        crop_padding: by how many pixels images are shifted at most.
        flip: whether half of the images are mirrored.
        cutout: side of the square that is blanked, in pixels; 0 for none.

    Raises:
        InputError: a negative size or a ``std`` that is not positive.
    """

    #: Order of the network's input channels, told in exported files.
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
        # For values of 0 to 255; not in checkpoints, since the config says it.
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
        # The network's own order, else each of its passes would reorder the batch.
        images = images.to(torch.float32, memory_format=torch.channels_last)
        images = (images - self.mean) / self.std
        if training and self.cutout:
            images = cutout(images, self.cutout)
        return {**data, "inputs": images}
