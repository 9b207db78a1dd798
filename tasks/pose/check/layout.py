"""The files of a data set: its splits, and where to download missing ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bsam_suite.errors import InputError
from tasks.pose.check.findings import Example, Findings
from tasks.pose.coco_files import LISTS, read_coco

PREFIX = "person_keypoints_"
_COCO = "http://images.cocodataset.org"
_SIZES = {"annotations_trainval2017": "0.24 GB", "train2017": "18 GB", "val2017": "0.8 GB"}


@dataclass(frozen=True)
class Split:
    """An annotation file and the folder of its images."""

    root: Path
    annotations: Path
    images: Path

    @classmethod
    def named(cls, root: Path, name: str) -> Split:
        """COCO's split with a name such as ``train2017``."""
        return cls(root, root / "annotations" / f"{PREFIX}{name}.json", root / name)

    @property
    def name(self) -> str:
        """Its name, taken from the annotation file."""
        return self.annotations.stem.removeprefix(PREFIX)

    def place(self, path: Path) -> str:
        """A path relative to the data set's folder."""
        return str(path.relative_to(self.root) if path.is_relative_to(self.root) else path)

    def image(self, image: dict) -> str:
        """The file of an image, relative to the data set's folder."""
        return self.place(self.images / image["file_name"])


def find_splits(root: Path) -> list[Split]:
    """All splits with an annotation file, and always train and val.

    Raises:
        InputError: ``root`` is not a folder.
    """
    require_root(root)
    files = sorted((root / "annotations").glob(f"{PREFIX}*.json"))
    names = [file.stem.removeprefix(PREFIX) for file in files]
    for part in ("train", "val"):
        if not any(name.startswith(part) for name in names):
            names.append(f"{part}2017")
    return [Split.named(root, name) for name in names]


def require_root(root: Path) -> None:
    """Check that a data set's folder exists.

    Raises:
        InputError: it does not.
    """
    if not root.is_dir():
        raise InputError(
            f"{root} is not a folder: give one with annotations/, train2017/ and val2017/. For "
            f"COCO: {_download('annotations_trainval2017', root)}; {_download('train2017', root)}; "
            f"{_download('val2017', root)}"
        )


def read(split: Split, findings: Findings) -> dict | None:
    """The content of the annotation file, with lists of images, annotations and categories.

    Adds findings if the file or the image folder is missing.
    """

    def add(kind: str, what: str, place: Path) -> None:
        findings.add(kind, split.name, Example(what, split.place(place)))

    if not split.images.is_dir():
        what = f"missing: {_download(split.images.name, split.images.parent)}"
        findings.add("missing_folder", split.name, Example(what, f"{split.place(split.images)}/"))
    if not split.annotations.is_file():
        what = f"missing: {_download('annotations_trainval2017', split.root)}"
        return add("missing_annotations", what, split.annotations)
    try:
        return read_coco(split.annotations, *LISTS)
    except InputError as error:
        what = str(error).replace(str(split.annotations), "it")
        return add("unreadable_annotations", what, split.annotations)


def _download(name: str, root: Path) -> str:
    if name not in _SIZES:
        return f"put the images into {root / name}"
    folder = "annotations" if name.startswith("annotations") else "zips"
    return f"unpack {_COCO}/{folder}/{name}.zip ({_SIZES[name]}) in {root}"
