"""MMPose's ``metainfo``, which describes the keypoints of a data set."""

from __future__ import annotations

import math
from pathlib import Path

from mmengine.config import Config

from bsam_suite.compat import import_mmpose
from bsam_suite.errors import InputError, brief
from tasks.pose.skeleton import PERSON, Skeleton, default_sigmas


def full_dataset_info(given: dict, data: Skeleton, where: str) -> dict | None:
    """Complete a ``metainfo`` to MMPose's ``dataset_info``.

    Args:
        given: the ``metainfo``: all fields, ``from_file=FILE``, or some fields such as ``sigmas``,
            which replace those of ``data``.
        data: the keypoints that the annotation file names.

    Returns:
        MMPose's ``dataset_info``, or ``from_file`` for one of MMPose's own files; None for COCO's
        person without changes.

    Raises:
        InputError: a file or field is not as in MMPose.
    """
    if not isinstance(given, dict):
        raise InputError(f"{where} is {given!r}: give dict(from_file=FILE), or some fields")
    parts = dict(given)
    if "from_file" in parts:
        path = _find(parts.pop("from_file"), where)
        read = _read(path, where)
        if path.parent == mmpose_dataset_configs() and read["sigmas"] and not parts:
            return dict(from_file=f"configs/_base_/datasets/{path.name}")
        parts = {**read, **parts}
    elif "keypoint_info" not in parts:
        if data == PERSON and not parts:
            return None
        coco = mmpose_dataset_configs() / "coco.py"
        parts = {**(_read(coco, where) if data == PERSON else data.metainfo()), **parts}
    parts["keypoint_info"] = sort_keypoint_info(parts.get("keypoint_info"), where)
    names = [keypoint["name"] for keypoint in parts["keypoint_info"].values()]
    parts.setdefault("dataset_name", "keypoints")
    parts.setdefault("skeleton_info", {})
    parts.setdefault("joint_weights", [1.0] * len(names))
    # MMPose's own files for faces, hands and animals have no sigmas.
    if parts.get("sigmas") in (None, [], ()):
        parts["sigmas"] = list(default_sigmas(names))
    for field in ("sigmas", "joint_weights"):
        _check_numbers(parts[field], len(names), f"{where}: {field}")
    return parts


def sort_keypoint_info(info: dict, where: str) -> dict:
    """Sort a ``keypoint_info`` by its ids, as MMPose needs it.

    MMEngine sorts the keys as text when it writes checkpoints and other files: 10 before 2.

    Raises:
        InputError: it is not as in MMPose.
    """
    entries = [info.get(i) for i in range(len(info))] if isinstance(info, dict) else [None]
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise InputError(
                f"{where}.keypoint_info is {brief(info, 200)}: give {{0: dict(name=...), 1: ...}}, "
                "as in MMPose"
            )
    return dict(enumerate(entries))


def _check_numbers(values, count: int, where: str) -> None:
    if not isinstance(values, (list, tuple)) or len(values) != count:
        raise InputError(f"{where} is {values!r}: give a list of {count}, one for each keypoint")
    for value in values:
        if not isinstance(value, (int, float)) or not 0 < value < math.inf:
            raise InputError(f"{where} has {value!r}: give numbers above 0")


def mmpose_dataset_configs() -> Path:
    """The folder of the ``dataset_info`` files that MMPose ships."""
    import_mmpose()
    import mmpose

    return Path(mmpose.__file__).parent / ".mim/configs/_base_/datasets"


def _find(file, where: str) -> Path:
    """The file, or MMPose's file of that name; MMPose searches in the same order."""
    path = Path(str(file))
    path = path if path.is_file() else mmpose_dataset_configs() / path.name
    if not path.is_file():
        raise InputError(
            f"{where}: from_file={file} does not exist, here or in MMPose's "
            "configs/_base_/datasets: give a file with dataset_info"
        )
    return path


def _read(path: Path, where: str) -> dict:
    try:
        return Config.fromfile(path).dataset_info.to_dict()
    except (AttributeError, ImportError, NameError, OSError, SyntaxError, ValueError) as error:
        raise InputError(
            f"{where}: from_file={path} has no dict dataset_info as in MMPose: {error}"
        ) from error


def dataset_info_skeleton(description: dict, where: str) -> Skeleton:
    """The keypoints of a complete ``dataset_info``, see :func:`full_dataset_info`.

    Raises:
        InputError: it is not as in MMPose.
    """
    import_mmpose()
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    try:
        return metainfo_skeleton(parse_pose_metainfo(description))
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{where} is not as in MMPose ({type(error).__name__}: {error}): see its "
            "configs/_base_/datasets/coco.py"
        ) from error


def metainfo_skeleton(parsed: dict) -> Skeleton:
    """The keypoints of a data set's ``metainfo``, as parsed by MMPose."""
    names = tuple(parsed["keypoint_name2id"])
    sigmas = tuple(map(float, parsed["sigmas"]))
    return Skeleton(
        names,
        tuple((int(a), int(b)) for a, b in parsed["skeleton_links"]),
        tuple(map(int, parsed["flip_indices"])),
        sigmas if len(sigmas) == len(names) else default_sigmas(names),
        "person" if parsed["dataset_name"] == "coco" else str(parsed["dataset_name"]),
    )
