"""Read images as upright 8-bit RGB."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from PIL import Image, ImageOps

from bsam_suite.errors import InputError, UnreadableFile

OF_16_BITS = ("PNG", "PPM")
"""Formats with at most 16 bits whose grey images Pillow returns as int32."""


def open_image(path: str) -> Image.Image:
    """Read and decode an image file.

    Raises:
        UnreadableFile: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            image = Image.open(file)
            image.load()
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        raise UnreadableFile.of(path, error) from error
    return image


def to_rgb(image: Image.Image, name: str) -> Image.Image:
    """Convert ``image`` to RGB as OpenCV does for the pose task.

    It is rotated by its EXIF orientation. 16-bit values keep their upper 8 bits, transparency is
    ignored, and an animation gives its first frame.

    Args:
        image: of any mode; it may be modified.

    Raises:
        InputError: its values are 32-bit integers or floats.
    """
    with suppress(Exception):  # damaged EXIF, which OpenCV ignores
        ImageOps.exif_transpose(image, in_place=True)
    image = _to_8_bits(image, name)
    if image.mode == "P":  # Pillow warns of transparency in a palette unless it is kept at first
        image = image.convert("RGBA")
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_8_bits(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in OF_16_BITS):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        kind = "floats" if image.mode == "F" else "32-bit integers"
        raise InputError(f"{name} has {kind}, whose range is not known: save it with 8 or 16 bits")
    return image
