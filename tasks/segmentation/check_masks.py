"""Checks masks before they are trained on or evaluated with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import FUNCTIONS
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from PIL import Image

from bsam_suite.errors import InputError
from tasks.segmentation.follow_classes import CLASSES, LOADERS
from tasks.segmentation.mask_folder import MaskFolder

LOOKED_INTO = 200
"""Masks of each data set whose pixels are read; the others are only looked for."""


@FUNCTIONS.register_module()
def check_masks(cfg: Config) -> None:
    """Check the segmentation data sets of ``cfg``.

    Each image must have its mask. Of masks spread over the set, the size must be the image's and
    the pixels numbers of classes.

    Raises:
        InputError: a fault would make training crash or give wrong results.
    """
    print(f"Data: images and masks in {cfg.data_root}", flush=True)
    for loader in LOADERS:
        dataset = (cfg.get(loader) or {}).get("dataset") or {}
        kind = DATASETS.get(dataset["type"]) if isinstance(dataset.get("type"), str) else None
        if isinstance(kind, type) and issubclass(kind, BaseSegDataset):
            _check(f"{loader}.dataset", dict(dataset), kind)


def _check(place: str, dataset: dict, kind: type[BaseSegDataset]) -> None:
    if kind is MaskFolder and not (dataset.get("metainfo") or {}).get("classes"):
        raise InputError(
            f"{place}: {dataset.get('data_root')} has no {CLASSES}: give the names of the classes "
            "in it, a line each"
        )
    built: BaseSegDataset = DATASETS.build({**dataset, "pipeline": [], "serialize_data": False})
    if not len(built):
        folder = built.data_prefix.get("img_path")
        raise InputError(f"{place}: there are no images in {folder}: give another data_root")
    infos = built.data_list
    for info in infos:
        _file(info["seg_map_path"], f"{place}: the mask of {info['img_path']}")
        _file(info["img_path"], f"{place}: the image")
    for info in _spread(infos):
        check_mask(info, len(built.metainfo["classes"]), place)


def _file(path: str, what: str) -> None:
    if not Path(path).is_file():
        raise InputError(f"{what} is not there: give {path}")


def _spread(infos: list[dict]) -> Iterator[dict]:
    step = -(-len(infos) // LOOKED_INTO)
    yield from infos[::step]


def check_mask(info: dict, classes: int, place: str) -> None:
    """Check one mask against its image.

    Args:
        info: of a data set, with ``img_path``, ``seg_map_path`` and how numbers are changed.
        classes: how many there are.
        place: for messages.

    Raises:
        InputError: they do not fit.
    """
    file = info["seg_map_path"]
    try:
        with Image.open(info["img_path"]) as image, Image.open(file) as mask:
            size, numbers = image.size, np.asarray(mask)
    except (OSError, ValueError) as error:
        raise InputError(f"{place}: {file} or its image cannot be read: {error}") from error
    if numbers.ndim != 2:
        raise InputError(
            f"{place}: {file} is a picture of {numbers.shape[2]} channels: give one channel with "
            "the number of a class at each pixel"
        )
    if numbers.shape[::-1] != size:
        raise InputError(
            f"{place}: {file} has {numbers.shape[1]}x{numbers.shape[0]} pixels, its image "
            f"{size[0]}x{size[1]}: give both alike"
        )
    last = classes if info["reduce_zero_label"] else classes - 1
    known = np.arange(last + 1) if info["label_map"] is None else [*info["label_map"]]
    others = sorted({*np.unique(numbers).tolist()} - {*map(int, known), 255})
    if others:
        raise InputError(
            f"{place}: {file} has the number {others[0]}, but there are {classes} classes: give 0 "
            f"to {last}, and 255 where nobody knows"
        )
