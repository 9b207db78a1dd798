"""The set of pictures on disk: COCO keypoint files, written once into a cache folder."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np

from ..skeleton import PERSON
from .folder import publish, remove_stale, temporary_sibling
from .jobs import Job, run_jobs

VERSION = 4
"""Counts up whenever the pictures or annotations of the same seed change."""

_SPLITS = ("train", "val")
_MANIFEST = "people.json"
_IDS_PER_SPLIT = 10_000_000


def people_root(train: int = 2000, val: int = 400, seed: int = 0) -> Path:
    """Return the default folder of a set.

    It lies in ``$BSAM_SUITE_HOME``, or else ``$XDG_CACHE_HOME/bsam_suite``, or else
    ``~/.cache/bsam_suite``; its name holds the generator's version, the seed and the counts.

    Raises:
        ValueError: See ``write_people``.
    """
    _check(train, val, seed)
    home = os.environ.get("BSAM_SUITE_HOME")
    if not home:
        cache = os.environ.get("XDG_CACHE_HOME")
        home = (Path(cache) if cache else Path.home() / ".cache") / "bsam_suite"
    return Path(home).expanduser() / f"people-v{VERSION}-seed{seed}-{train}-{val}"


def write_people(
    root: str | os.PathLike | None = None,
    train: int = 2000,
    val: int = 400,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Write a set of synthetic pictures of people, unless it is there already.

    The folder is laid out as COCO's: ``annotations/person_keypoints_train2017.json``,
    ``annotations/person_keypoints_val2017.json``, ``train2017/*.jpg`` and ``val2017/*.jpg``; and
    ``masks/train2017/*.png`` and ``masks/val2017/*.png`` number the parts of people (see
    ``parts.PARTS``).
    Equal arguments give equal bytes, whatever the number of workers. The folder is created in one
    step when the set is complete: an interrupted run leaves nothing at ``root``. If two processes
    write the same set at once, the second one to finish drops its copy.

    Args:
        root: Folder to write; ``people_root`` with the same counts and seed if None.
        train: Number of training images, at least 1.
        val: Number of validation images, at least 0.
        seed: Seed of all chance, at least 0.
        workers: Number of processes; by default that of the usable processor cores.
        progress: Whether to print what is written and show a progress bar.

    Returns:
        The folder of the set.

    Raises:
        ValueError: If a count, the seed or ``workers`` is out of range.
        FileExistsError: If ``root`` holds anything else than this set.
        OSError: If the files can't be written.
    """
    _check(train, val, seed)
    if workers is None:
        workers = len(os.sched_getaffinity(0))
    if not _is_int(workers) or workers < 1:
        raise ValueError(f"workers is {workers!r}; give a whole number from 1.")
    root = people_root(train, val, seed) if root is None else Path(root).expanduser()
    root = root.absolute()
    manifest = {"generator": "people", "version": VERSION}
    manifest |= {"seed": int(seed), "train": int(train), "val": int(val)}
    if _holds_set(root, manifest):
        return root
    root.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(root)
    folder = temporary_sibling(root)
    try:
        if progress:
            print(f"Writing {train} + {val} synthetic pictures of people to {root}", flush=True)
        _write(folder, manifest, min(workers, train + val), progress)
        if not publish(folder, root) and not _holds_set(root, manifest):
            raise FileExistsError(f"{root} appeared during the run, empty. Run this again.")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return root


def _is_int(value) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _check(train: int, val: int, seed: int) -> None:
    for name, value, least in (("train", train, 1), ("val", val, 0), ("seed", seed, 0)):
        if not _is_int(value) or value < least:
            raise ValueError(f"{name} is {value!r}; give a whole number from {least}.")
    if max(train, val) >= _IDS_PER_SPLIT:
        raise ValueError(f"{max(train, val)} images are too many; give fewer than 10 million.")


def _holds_set(root: Path, manifest: dict) -> bool:
    """Whether the complete set is at ``root``; False if nothing is there.

    Raises:
        FileExistsError: If something else is there.
    """
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    remedy = "Give another folder as root, or delete this one if you don't need it."
    try:
        found = json.loads((root / _MANIFEST).read_text())
    except (OSError, ValueError):
        raise FileExistsError(f"{root} has other files than a set of people. {remedy}") from None
    if found != manifest:
        raise FileExistsError(f"{root} has another set ({found}), not {manifest}. {remedy}")
    for split in _SPLITS:
        files = [f"{split}2017/*.jpg", f"masks/{split}2017/*.png"]
        least = min(sum(1 for _ in root.glob(pattern)) for pattern in files)
        if least < manifest[split] or not _annotations(root, split).is_file():
            raise FileExistsError(f"{root} has lost some of its {split} files. {remedy}")
    return True


def _annotations(root: Path, split: str) -> Path:
    return root / "annotations" / f"person_keypoints_{split}2017.json"


def _write(folder: Path, manifest: dict, workers: int, progress: bool) -> None:
    (folder / "annotations").mkdir()
    jobs = []
    for number, split in enumerate(_SPLITS):
        (folder / f"{split}2017").mkdir()
        (folder / "masks" / f"{split}2017").mkdir(parents=True)
        for index in range(manifest[split]):
            image_id = number * _IDS_PER_SPLIT + index + 1
            path = str(folder / f"{split}2017" / f"{image_id:012d}.jpg")
            # Each picture has a seed of its own: it depends on no other and on no order.
            jobs.append(Job((manifest["seed"], number, index), image_id, path))
    done = run_jobs(jobs, workers, progress)
    for split in _SPLITS:
        part, done = done[: manifest[split]], done[manifest[split] :]
        content = {
            "info": {"description": "Synthetic people", "version": str(manifest["version"])},
            "licenses": [],
            "categories": [PERSON.category()],
            "images": [image for image, _ in part],
            "annotations": [entry for _, entries in part for entry in entries],
        }
        _annotations(folder, split).write_text(json.dumps(content))
    (folder / _MANIFEST).write_text(json.dumps(manifest))
