"""The files of a set: which splits it has, and what is missing and where to get it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bsam_suite.errors import InputError
from tasks.pose.check.findings import Example, Findings

PREFIX = "person_keypoints_"
_COCO = "http://images.cocodataset.org"
_SIZES = {"annotations_trainval2017": "0.24 GB", "train2017": "18 GB", "val2017": "0.8 GB"}


@dataclass(frozen=True)
class Split:
    """Attributes: the set's folder and the split's name, such as ``train2017``."""

    root: Path
    name: str

    @property
    def annotations(self) -> Path:
        """The annotation file."""
        return self.root / "annotations" / f"{PREFIX}{self.name}.json"

    @property
    def images(self) -> Path:
        """The folder of images."""
        return self.root / self.name


def find_splits(root: Path, findings: Findings) -> list[Split]:
    """The splits that have an annotation file; tells what is missing of train and val.

    Raises:
        InputError: ``root`` is not a folder.
    """
    if not root.is_dir():
        raise InputError(
            f"{root} is not a folder: give one with annotations/, train2017/ and val2017/. For "
            f"COCO: {_download('annotations_trainval2017', root)}; {_download('train2017', root)}; "
            f"{_download('val2017', root)}"
        )
    files = sorted((root / "annotations").glob(f"{PREFIX}*.json"))
    splits = [Split(root, file.stem.removeprefix(PREFIX)) for file in files]
    for part in ("train", "val"):
        if not any(split.name.startswith(part) for split in splits):
            lacking = Split(root, f"{part}2017")
            what = f"there is none: {_download('annotations_trainval2017', root)}"
            place = lacking.annotations.relative_to(root)
            findings.add("missing_annotations", lacking.name, Example(what, str(place)))
            splits.append(lacking)
    for split in splits:
        if not split.images.is_dir():
            what = f"there is none: {_download(split.name, root)}"
            findings.add("missing_folder", split.name, Example(what, f"{split.name}/"))
    return [split for split in splits if split.annotations.is_file()]


def read(split: Split, findings: Findings) -> dict | None:
    """The content of the annotation file, with lists of images, annotations and categories."""

    def tell(what: str) -> None:
        place = split.annotations.relative_to(split.root)
        findings.add("unreadable_annotations", split.name, Example(what, str(place)))

    try:
        content = json.loads(split.annotations.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        return tell(str(error))
    if not isinstance(content, dict):
        return tell(f"it holds a {type(content).__name__}, not an object")
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), list):
            return tell(f"it has no list {key!r}")
    return content


def _download(name: str, root: Path) -> str:
    if name not in _SIZES:
        return f"the images belong into {root / name}"
    folder = "annotations" if name.startswith("annotations") else "zips"
    return f"unpack {_COCO}/{folder}/{name}.zip ({_SIZES[name]}) in {root}"
