"""Images in a folder with one subfolder for each class."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from mmengine.registry import DATASETS
from torchvision.datasets import ImageFolder
from torchvision.datasets.folder import IMG_EXTENSIONS

from bsam_suite.errors import InputError
from tasks.classification.decode import decode_images
from tasks.classification.image_dataset import ImageDataset
from tasks.classification.rgb import open_image

SPLITS = {"train": ("train",), "val": ("val", "test"), "test": ("test", "val")}
"""Folder names of each split; the first one that exists is used."""


@DATASETS.register_module()
class InMemoryImageFolder(ImageDataset):
    """A split of a folder as in torchvision's ``ImageFolder``, decoded into memory.

    ``DATA_ROOT/train/CLASS/*`` and ``DATA_ROOT/val/CLASS/*`` or ``DATA_ROOT/test/CLASS/*``.
    Without ``val/``, validation uses ``test/``, and the other way round.

    Args:
        data_root: the folder.
        split: ``"train"``, ``"val"`` or ``"test"``.
        size: side in pixels; images are cropped to a square and resized to it. None if all have the
            same size.

    Raises:
        InputError: as :func:`open_folder` and :func:`tasks.classification.decode.decode_images`.
    """

    def __init__(self, data_root: str, split: str, size: int | None = None) -> None:
        folder = open_folder(data_root, split)
        paths = [path for path, _ in folder.samples]
        # PIL releases Python's lock while it decodes.
        images = decode_images(lambda i: open_image(paths[i]), paths, size, os.cpu_count() or 1)
        super().__init__(images, torch.tensor(folder.targets), folder.classes)


class VisibleImageFolder(ImageFolder):
    """torchvision's ``ImageFolder`` without hidden files and folders.

    Hidden are, for example, Jupyter's ``.ipynb_checkpoints`` and macOS' ``._NAME``.

    Attributes:
        skipped: files that are not hidden and do not have the extension of an image.
    """

    def __init__(self, root: str) -> None:
        self.skipped: list[str] = []

        def is_image(path: str) -> bool:
            if f"{os.sep}." in path[len(root) :]:
                return False
            if path.lower().endswith(IMG_EXTENSIONS):
                return True
            self.skipped.append(path)
            return False

        super().__init__(root, is_valid_file=is_image)

    def find_classes(self, directory: str) -> tuple[list[str], dict[str, int]]:
        """Names of the classes, and the label of each."""
        names = [name for name in super().find_classes(directory)[0] if not name.startswith(".")]
        if not names:
            raise FileNotFoundError(f"There is no class folder in {directory}.")
        return names, {name: label for label, name in enumerate(names)}


def open_folder(data_root: str, split: str) -> VisibleImageFolder:
    """List the images of a split without reading them.

    Raises:
        InputError: the folder does not exist, has no classes, or a class has no images.
    """
    root, remedy = Path(data_root), "give a folder with train/CLASS/ and val/CLASS/ or test/CLASS/"
    if not root.is_dir():
        raise InputError(f"data_root={data_root} is not a folder: {remedy}")
    if split not in SPLITS:
        raise InputError(f"split={split!r} of InMemoryImageFolder: give one of {', '.join(SPLITS)}")
    found = _split_folders(root, split)
    if not found:
        names = " nor ".join(f"{name}/" for name in SPLITS[split])
        raise InputError(f"data_root={data_root} has no {names}: {remedy}")
    try:
        return VisibleImageFolder(str(found[0]))
    except FileNotFoundError as error:  # its message names the empty classes
        raise InputError(
            f"{found[0]}: {str(error).strip()} Add images ({', '.join(IMG_EXTENSIONS)}), or remove "
            "the empty folders"
        ) from error


def count_class_folders(data_root: str, split: str) -> int:
    """How many classes a split has, without a look at its images; 0 if it is not there."""
    for folder in _split_folders(Path(data_root), split)[:1]:
        with os.scandir(folder) as entries:
            return sum(entry.is_dir() and not entry.name.startswith(".") for entry in entries)
    return 0


def _split_folders(root: Path, split: str) -> list[Path]:
    return [root / name for name in SPLITS[split] if (root / name).is_dir()]
