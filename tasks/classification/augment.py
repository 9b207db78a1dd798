"""Augmentation of whole batches, on their device.

All random numbers come from PyTorch's generator of that device. The suite seeds it at the start of
each epoch, so a resumed run gets the same images as an uninterrupted one.
"""

from __future__ import annotations

import torch
from torch import Tensor


def crop_and_flip(images: Tensor, padding: int, flip: bool) -> Tensor:
    """Shift each image by up to ``padding`` pixels, and mirror it with probability 1/2.

    Like torchvision's ``RandomCrop(size, padding)`` and ``RandomHorizontalFlip``, in one gather.

    Args:
        images: (N, C, H, W).
        padding: black border in pixels, added before a crop of the original size.
        flip: whether to mirror.

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
    """Set a square of each image to 0. Its centre is uniformly distributed over the image.

    The square may extend beyond the border. T. DeVries, G. W. Taylor, "Improved
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
    return images * ~hole  # masked_fill would lose the channels-last order
