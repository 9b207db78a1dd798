"""A config follows the classes of its data: its heads, and what is recorded of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import FUNCTIONS
from mmseg.registry import DATASETS

from bsam_suite.errors import InputError
from tasks.segmentation.mask_folder import MaskFolder

LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
CLASSES = "classes.txt"
"""In a folder of masks: a line for each class, in the order of their numbers."""


@FUNCTIONS.register_module()
def follow_classes(cfg: Config) -> None:
    """Give each head of ``cfg`` the number of classes of its data.

    The classes are those of the data set's ``metainfo`` or class; of a ``MaskFolder`` without,
    those in ``classes.txt``, which go into the config: a checkpoint, which records it, then needs
    no file of the user's.

    Raises:
        InputError: ``classes.txt`` cannot be read or has no names, or data sets differ in their
            number of classes.
    """
    counts = {place: len(names) for place, names in _classes(cfg) if names}
    for place, count in counts.items():
        first, wanted = next(iter(counts.items()))
        if count != wanted:
            raise InputError(f"{place} has {count} classes, but {first} {wanted}: give both alike")
    if not counts:
        return  # the data are not there, which is said later
    for head in heads(cfg.get("model") or {}):
        head["num_classes"] = next(iter(counts.values()))


def heads(model: Mapping) -> Iterator[dict]:
    """The heads of a segmentation model's config, or of the float one in a quantized one's."""
    if "decode_head" not in model and isinstance(model.get("model"), Mapping):
        yield from heads(model["model"])
    for name in ("decode_head", "auxiliary_head"):
        found = model.get(name) or ()
        yield from found if isinstance(found, (list, tuple)) else [found]


def _classes(cfg: Config) -> Iterator[tuple[str, Sequence[str]]]:
    for loader in LOADERS:
        dataset = (cfg.get(loader) or {}).get("dataset") or {}
        kind = DATASETS.get(dataset["type"]) if isinstance(dataset.get("type"), str) else None
        given = (dataset.get("metainfo") or {}).get("classes")
        if given is None and kind is MaskFolder:
            given = read_classes(dataset.get("data_root"))
            if given:
                dataset["metainfo"] = {**(dataset.get("metainfo") or {}), "classes": given}
        yield f"{loader}.dataset", given or getattr(kind, "METAINFO", {}).get("classes") or ()


def read_classes(root: object) -> list[str]:
    """The names in ``classes.txt`` of a folder; none where there is no such file.

    Raises:
        InputError: it cannot be read, or has no names or one twice.
    """
    file = Path(str(root), CLASSES)
    if not file.is_file():
        return []
    try:
        names = [line.strip() for line in file.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}): give a name of a class a line") from (
            error
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if not names or twice:
        what = f"the name {twice!r} twice" if twice else "no names"
        raise InputError(f"{file} has {what}: give the names of the classes, a line each")
    return names
