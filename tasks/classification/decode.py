"""Decode a whole data set into one tensor."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from PIL import Image, ImageOps
from torch import Tensor

from bsam_suite.errors import InputError
from tasks.classification.rgb import to_rgb


def decode_images(
    load: Callable[[int], Image.Image], names: list[str], size: int | None, threads: int = 1
) -> Tensor:
    """Decode images once, to RGB.

    Args:
        load: returns image i; called from ``threads`` threads at the same time.
        size: side in pixels; each image is cropped to a square and resized to it. None keeps the
            images as they are; then all must have the same size.
        threads: number of images to decode at the same time.

    Returns:
        (N, H, W, 3) uint8.

    Raises:
        InputError: an error of ``load`` or :func:`to_rgb`, images of different sizes, or too many
            for the memory.
    """
    if size is not None and size < 1:
        raise InputError(f"image_size={size}: give a side in pixels, such as 32")

    def picture(i: int) -> Image.Image:
        image = to_rgb(load(i), names[i])
        return image if size is None else ImageOps.fit(image, (size, size))

    width, height = picture(0).size
    needed = len(names) * height * width * 3
    if needed > 0.8 * _memory():
        raise InputError(
            f"{len(names)} images of {width}x{height} take {needed / 2**30:.1f} GiB decoded, too "
            "much for this machine's memory: set a smaller image_size, such as 64"
        )
    images = torch.empty(len(names), height, width, 3, dtype=torch.uint8)
    array = images.numpy()

    def fill(i: int) -> None:
        image = picture(i)
        if image.size != (width, height):
            raise InputError(
                f"{names[i]} is {image.width}x{image.height}, {names[0]} {width}x{height}: set "
                "--cfg-options image_size=SIDE, which crops all images to one square size"
            )
        array[i] = image

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(fill, range(len(names))):
            pass
    return images


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
