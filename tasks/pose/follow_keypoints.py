"""A config follows the keypoints of its data: its data sets, its head, what is recorded of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import FUNCTIONS

from bsam_suite.errors import InputError
from bsam_suite.json_file import read_json
from tasks.pose.category import category_skeleton, check_same, keypoint_category
from tasks.pose.coco import KEYPOINTS
from tasks.pose.metainfo import dataset_info_skeleton, full_dataset_info
from tasks.pose.skeleton import PERSON, Skeleton

LOADERS = ("val_dataloader", "train_dataloader", "test_dataloader")
#: What heads call the number of keypoints.
COUNTS = ("out_channels", "num_joints", "num_keypoints")


@FUNCTIONS.register_module()
def follow_keypoints(cfg: Config) -> None:
    """Give each data set of ``cfg`` the description of its keypoints, and the head their number.

    The description is the data set's ``metainfo``, or else the config's; what it leaves out is
    that of the category in the annotation file (in val's, which is read in less time than
    train's), or of COCO's person where the file names no keypoints or is not there. It comes out
    whole, so that a checkpoint, which records the config, needs no file of the user's.

    Raises:
        InputError: a description that is not as it should be, data sets of different keypoints, or
            a head that is set to another number of them.
    """
    datasets = dict(_datasets(cfg))
    own = (d.metainfo for d in datasets.values() if d.get("metainfo"))
    shared = cfg.get("metainfo") or next(own, {})
    files = filter(_takes_any, datasets.values())
    data = next(filter(None, map(_annotated, files)), PERSON)
    skeletons = {}
    for place, dataset in datasets.items():
        where = f"{place}.metainfo" if dataset.get("metainfo") else "metainfo"
        given = dataset.get("metainfo") or shared
        described = full_dataset_info(given, data, where) if given or _takes_any(dataset) else None
        if described is not None:
            dataset.metainfo = described
        skeletons[place] = skeleton_of(dataset, where)
        check_same(skeletons[place], place, next(iter(skeletons.values())), next(iter(skeletons)))
    for skeleton in skeletons.values():
        head, count = _head(cfg.get("model") or {}), len(skeleton.names)
        head.update({name: count for name in COUNTS if head.get(name) == len(KEYPOINTS)})
        check_head(cfg.get("model") or {}, skeleton, "the config")


def _datasets(cfg: Config) -> Iterator[tuple[str, dict]]:
    """The data sets of the loaders whose keypoints are known, by their place."""
    for loader in LOADERS:
        dataset = (cfg.get(loader) or {}).get("dataset") or {}
        if dataset.get("metainfo") or _class_metainfo(dataset):
            yield f"{loader}.dataset", dataset


def _class_metainfo(dataset: dict) -> dict:
    """What the data set's class has for ``metainfo`` where none is given."""
    from mmpose.registry import DATASETS

    kind = DATASETS.get(dataset["type"]) if isinstance(dataset.get("type"), str) else None
    return getattr(kind, "METAINFO", {})


def _takes_any(dataset: dict) -> bool:
    """Whether its class is ``CocoDataset``, for files of any keypoints, or made from it.

    MMPose's others are each for the keypoints of one data set.
    """
    from mmpose.datasets import CocoDataset

    return _class_metainfo(dataset) == CocoDataset.METAINFO


def _annotated(dataset: dict) -> Skeleton | None:
    """The keypoints that the annotation file names; if it cannot be read the preflight says so."""
    file = _file(dataset)
    try:
        state = file.stat()
        categories = _categories(str(file), state.st_mtime_ns, state.st_size)
    except (InputError, OSError):
        return None
    return _named(categories, file)


def _named(categories: list, file: Path) -> Skeleton | None:
    category = keypoint_category(categories, str(file))
    return None if category is None else category_skeleton(category, str(file))


def _file(dataset: dict) -> Path:
    return Path(dataset.get("data_root") or "", dataset.get("ann_file") or "")


@lru_cache
def _categories(file: str, changed: int, size: int) -> list:
    content = read_json(file)
    categories = content.get("categories") if isinstance(content, dict) else None
    return categories if isinstance(categories, list) else []


def skeleton_of(dataset: dict, where: str) -> Skeleton:
    """The keypoints of a data set by its config.

    Raises:
        InputError: a ``metainfo`` that is not as it should be.
    """
    if not dataset.get("metainfo") and _takes_any(dataset):
        return PERSON
    return dataset_info_skeleton(dataset.get("metainfo") or _class_metainfo(dataset), where)


def check_keypoints(cfg: Config, categories: Mapping[Path, list]) -> None:
    """Make sure that each data set describes the keypoints of its file, and say which these are.

    Raises:
        InputError: a file names others, or the same in another order.
    """
    skeleton = PERSON
    for place, dataset in _datasets(cfg):
        skeleton = skeleton_of(dataset, f"{place}.metainfo")
        file = _file(dataset)
        annotated = _named(categories.get(file, []), file) if _takes_any(dataset) else None
        if annotated is not None:
            check_same(annotated, str(file), skeleton, "the config's metainfo")
    if skeleton != PERSON:
        print(
            f"Data has {skeleton}. {skeleton.describe_flips()}. AP takes "
            f"{skeleton.describe_sigmas()} (others: --cfg-options metainfo.sigmas=[...])",
            flush=True,
        )


def check_head(model: dict, skeleton: Skeleton, where: str) -> None:
    """Make sure that a model's head is for the keypoints of its data.

    Raises:
        InputError: it is for another number.
    """
    head, count = _head(model), len(skeleton.names)
    for name in COUNTS:
        if head.get(name, count) != count:
            raise InputError(
                f"{where} has {name}={head[name]} in the model's head, but its data set describes "
                f"{skeleton}: give the head the number, or the data set the metainfo"
            )


def _head(model: dict) -> dict:
    while "head" not in model and isinstance(model.get("model"), dict):
        model = model["model"]  # of a quantized one
    return model.get("head") or {}
