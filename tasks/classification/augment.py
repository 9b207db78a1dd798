"""Augmentation of whole batches, on their device.

All numbers are drawn from PyTorch's generator of that device, which the suite seeds at the start of
each epoch: a resumed run sees the images of an uninterrupted one.
"""

from __future__ import annotations

import torch
from torch import Tensor


def crop_and_flip(images: Tensor, padding: int, flip: bool) -> Tensor:
    """Shift each image by up to ``padding`` pixels and mirror every second one, by chance.

    As torchvision's ``RandomCrop(size, padding)`` and ``RandomHorizontalFlip``, in one gather.

    Args:
        images: (N, C, H, W).
        padding: black border in pixels that a crop of the old size is taken from.
        flip: whether to mirror left and right with probability 1/2.

    Returns:
        (N, C, H, W) in channels-last order.
    """
    n, _, height, width = images.shape
    device = images.device
    padded = torch.nn.functional.pad(images, (padding,) * 4).permute(0, 2, 3, 1)
    top, left = torch.randint(0, 2 * padding + 1, (2, n, 1), device=device)
    columns = torch.arange(width, device=device).expand(n, width)
    if flip:
        mirrored = torch.rand(n, 1, device=device) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    rows = (top + torch.arange(height, device=device))[:, :, None]
    image = torch.arange(n, device=device)[:, None, None]
    return padded[image, rows, (left + columns)[:, None, :]].permute(0, 3, 1, 2)


def cutout(images: Tensor, size: int) -> Tensor:
    """Set a square of each image to 0, its centre anywhere in the image.

    Squares reach over the border and are cut off there. T. DeVries, G. W. Taylor, "Improved
    Regularization of Convolutional Neural Networks with Cutout", arXiv 1708.04552.

    Args:
        images: (N, C, H, W), normalized, so that 0 is the mean.
        size: side of the square in pixels.
    """
    n, _, height, width = images.shape

    def inside(length: int) -> Tensor:
        start = torch.randint(0, length, (n, 1), device=images.device) - size // 2
        place = torch.arange(length, device=images.device)
        return (place >= start) & (place < start + size)

    hole = inside(height)[:, None, :, None] & inside(width)[:, None, None, :]
    return images * ~hole  # masked_fill would give up the channels-last order
