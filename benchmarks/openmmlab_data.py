"""Data sets of four pictures each, in the layouts that OpenMMLab's configs read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, COUNT = 64, 4
THINGS = (
    "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,"
    "stop sign,parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,"
    "backpack,umbrella,handbag,tie,suitcase,frisbee,skis,snowboard,sports ball,kite,baseball bat,"
    "baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork,knife,spoon,bowl,"
    "banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,"
    "potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,"
    "oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush"
)
"""All classes of COCO: MMDetection's evaluation finds its own by these names."""


def make_data(root: Path) -> None:
    """Write ``imagenet``, ``coco``, ``voc`` and ``ade`` into ``root``."""
    rng = np.random.default_rng(0)
    _imagenet(root / "imagenet", rng)
    _coco(root / "coco", rng)
    _voc(root / "voc", rng)
    _ade(root / "ade", rng)


def _picture(file: Path, rng: np.random.Generator) -> tuple[int, int, int]:
    """Write dark noise with a bright square, and return where that is: left, top, side."""
    pixels = rng.integers(0, 128, (SIDE, SIDE, 3), dtype=np.uint8)
    x, y = (int(place) for place in rng.integers(0, SIDE // 2, 2))
    pixels[y : y + SIDE // 2, x : x + SIDE // 2] += 120
    _write(file, pixels)
    return x, y, SIDE // 2


def _mask(file: Path, square: tuple[int, int, int], background: int, thing: int) -> None:
    x, y, side = square
    mask = np.full((SIDE, SIDE), background, np.uint8)
    mask[y : y + side, x : x + side] = thing
    _write(file, mask)


def _write(file: Path, pixels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)


def _lines(file: Path, lines: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


def _imagenet(root: Path, rng: np.random.Generator) -> None:
    for split in ("train", "val"):
        for n in range(COUNT):
            _picture(root / split / f"{n}.jpg", rng)
        _lines(root / f"meta/{split}.txt", [f"{n}.jpg {n}" for n in range(COUNT)])


def _coco(root: Path, rng: np.random.Generator) -> None:
    for split in ("train2017", "val2017"):
        images, annotations = [], []
        for n in range(1, COUNT + 1):
            x, y, side = _picture(root / split / f"{n}.jpg", rng)
            corners = [x, y, x + side, y, x + side, y + side, x, y + side]
            images.append(dict(id=n, file_name=f"{n}.jpg", width=SIDE, height=SIDE))
            box = dict(bbox=[x, y, side, side], area=side * side, segmentation=[corners])
            annotations.append(dict(id=n, image_id=n, category_id=n, iscrowd=0, **box))
        categories = [dict(id=n, name=name) for n, name in enumerate(THINGS.split(","), 1)]
        content = dict(images=images, annotations=annotations, categories=categories)
        _lines(root / f"annotations/instances_{split}.json", [json.dumps(content)])


def _voc(root: Path, rng: np.random.Generator) -> None:
    for split in ("train", "aug", "val"):
        names = [f"{split}_{n}" for n in range(COUNT)]
        for name in names:
            square = _picture(root / f"JPEGImages/{name}.jpg", rng)
            for folder in ("SegmentationClass", "SegmentationClassAug"):
                _mask(root / f"{folder}/{name}.png", square, background=0, thing=15)
        _lines(root / f"ImageSets/Segmentation/{split}.txt", names)


def _ade(root: Path, rng: np.random.Generator) -> None:
    for split in ("training", "validation"):
        for n in range(COUNT):
            square = _picture(root / f"images/{split}/{n}.jpg", rng)
            _mask(root / f"annotations/{split}/{n}.png", square, background=1, thing=13)
