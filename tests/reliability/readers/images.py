"""Images."""

import io
import random
from pathlib import Path

import mutations as change
import numpy as np
from PIL import Image

from bsam_suite.errors import InputError
from bsam_suite.pictures.sources import open_inputs
from readers.reader import Reader
from tasks.classification.rgb import open_image, to_rgb
from tasks.pose.check.image_files import _decode

PIXELS = (np.arange(16 * 12 * 3) ** 2 % 251).astype(np.uint8).reshape(16, 12, 3)


def changed_image(content: bytes, rng: random.Random) -> bytes:
    """An image whose first bytes, which say what and how large it is, stay mostly as they are."""
    try:
        Image.open(io.BytesIO(content)).close()
    except Exception as error:
        raise change.NotWhole from error
    head = rng.choice((0, 48, 48, 200))
    return content[:head] + change.changed_bytes(content[head:], rng)


def image_seeds(folder: Path) -> list[bytes]:
    made = []
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM"):
        for mode in ("RGB", "L", "P", "I;16", "CMYK", "RGBA"):
            file = io.BytesIO()
            picture = Image.fromarray(PIXELS)
            picture = (
                Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
                if mode == "I;16"
                else picture.convert(mode)
            )
            try:
                picture.save(file, kind, exif=exif) if mode == "RGB" else picture.save(file, kind)
            except (OSError, KeyError, ValueError):  # not all modes go into all formats
                continue
            made.append(file.getvalue())
    return made


def read_images(path: Path) -> None:
    """As classification, the report on a pose set and prediction do."""
    errors = []
    for read in (
        lambda: np.asarray(to_rgb(open_image(str(path)), str(path))),
        lambda: [image.image.shape for image in open_inputs([path])],
    ):
        try:
            read()
        except InputError as error:
            errors.append(error)
    _decode(path)
    if errors:
        raise errors[0]


def opens(content: bytes) -> None:
    Image.open(io.BytesIO(content))


IMAGES = Reader(".png", image_seeds, changed_image, opens, read_images)
