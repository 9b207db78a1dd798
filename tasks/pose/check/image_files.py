"""Checks of the image files of a split: they exist, are complete and have the stated size."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import NamedTuple

from PIL import ExifTags, Image

from bsam_suite.progress import progress_bar
from tasks.pose.check.findings import Example, Findings
from tasks.pose.check.layout import Split


class Decoded(NamedTuple):
    """``size``: upright (width, height) in pixels; ``digest``: of the file's bytes."""

    size: tuple[int, int] | None
    digest: bytes | None
    error: str | None = None


def existing_images(split: Split, images: Iterable[dict], findings: Findings) -> list[dict]:
    """The images whose file exists; adds findings for the others."""
    if not split.images.is_dir():
        return []  # already reported once

    @cache
    def names(folder: str) -> set[str]:  # reads each folder once, not each file
        try:
            return {entry.name for entry in os.scandir(folder) if entry.is_file()}
        except (OSError, ValueError):  # ValueError: a name with a zero byte
            return set()

    found = []
    for image in images:
        folder, name = os.path.split(os.path.join(split.images, image["file_name"]))
        if name in names(folder):
            found.append(image)
        else:
            example = Example("no such file", split.image(image), image["id"])
            findings.add("missing_image", split.name, example)
    return found


def check_images(split: Split, images: list[dict], findings: Findings) -> dict[bytes, dict]:
    """Decode the images in several threads and return them by the digest of their bytes."""
    by_digest = {}
    paths = [split.images / image["file_name"] for image in images]
    print(f"Decoding {len(images)} images of {split.name}", flush=True)
    with progress_bar() as bar:
        decoded = bar.track(_decode_all(paths), total=len(paths), description=split.name)
        for image, (size, digest, error) in zip(images, decoded):
            place = split.image(image)
            if error:
                example = Example(error, place, image["id"])
                findings.add("unreadable_image", split.name, example)
                continue
            by_digest[digest] = image
            if size != (image["width"], image["height"]):
                message = f"{size[0]}x{size[1]}, not {image['width']:g}x{image['height']:g}"
                findings.add("image_size", split.name, Example(message, place, image["id"]))
    return by_digest


def check_train_val_overlap(digests: dict[Split, dict[bytes, dict]], findings: Findings) -> None:
    """Find images that are in both train and val of the same set (such as ``2017``)."""
    by_name = {split.name: split for split in digests}
    for split, own in digests.items():
        other = by_name.get("train" + split.name.removeprefix("val"))
        if not split.name.startswith("val") or other is None:
            continue
        for digest in own.keys() & digests[other].keys():
            image, twin = own[digest], digests[other][digest]
            example = Example(f"as {other.image(twin)}", split.image(image), image["id"])
            findings.add("image_in_train_and_val", split.name, example, of=len(own))


def _decode_all(paths: list[Path]) -> Iterator[Decoded]:
    # Threads, because Pillow releases Python's lock while it decodes; Python chooses the number.
    threads = ThreadPoolExecutor()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual EXIF fields
            yield from threads.map(_decode, paths)
    finally:
        threads.shutdown(cancel_futures=True)


def _decode(path: Path) -> Decoded:
    # Pillow raises an error for a truncated file; OpenCV fills the rest with grey.
    try:
        content = path.read_bytes()
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            width, height = picture.size
            if picture.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8):  # on its side
                width, height = height, width  # training turns it upright
    except Exception as error:  # broken files make Pillow raise almost anything
        return Decoded(None, None, f"{type(error).__name__}: {error}")
    digest = hashlib.blake2b(content, digest_size=16).digest()
    return Decoded((width, height), digest)
