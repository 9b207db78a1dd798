"""A data set of images in memory that returns whole batches."""

from __future__ import annotations

import torch
from mmengine.device import get_device
from mmengine.registry import FUNCTIONS
from torch import Tensor
from torch.utils.data import Dataset


class ImageDataset(Dataset):
    """Decoded images as one tensor on the device of the training, and their labels.

    PyTorch's ``DataLoader`` requests a whole batch (``__getitems__``), so a batch is one gather on
    the device. MMEngine's samplers work as usual, also for several processes. Use
    ``num_workers=0`` and ``collate_fn=dict(type="identity_collate")``.

    Args:
        images: (N, H, W, 3) uint8 RGB.
        labels: (N,) int64 indices of classes.
        classes: their names.
    """

    def __init__(self, images: Tensor, labels: Tensor, classes: list[str]) -> None:
        self.images, self.labels, self.classes = images, labels, list(classes)

    @property
    def metainfo(self) -> dict:
        """The names of the classes, as MMEngine expects them."""
        return dict(classes=self.classes)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitems__(self, indices: list[int]) -> dict[str, Tensor]:
        """``inputs`` (B, 3, H, W) uint8 in channels-last order and ``labels`` (B,)."""
        if self.images.device.type != torch.device(get_device()).type:
            # Not in the constructor, where a process may not know its device yet.
            self.images, self.labels = self.images.to(get_device()), self.labels.to(get_device())
        chosen = torch.tensor(indices, device=self.images.device)
        return dict(inputs=self.images[chosen].permute(0, 3, 1, 2), labels=self.labels[chosen])

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One image (3, H, W) and its label ()."""
        return {name: value[0] for name, value in self.__getitems__([index]).items()}


@FUNCTIONS.register_module()
def identity_collate(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """The ``collate_fn`` of ``ImageDataset``, which already returns batches."""
    return batch
