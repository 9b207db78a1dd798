"""What a pose config prepares and checks before any long work."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config
from mmengine.registry import FUNCTIONS
from mmengine.runner import CheckpointLoader
from mmpose.registry import DATASETS

from bsam_suite.engine.config import move_data_root
from bsam_suite.errors import InputError
from tasks.pose.category_ids import listed
from tasks.pose.check.training import check_splits, evaluated, split_of
from tasks.pose.dataset import AnyCategoryCocoDataset, read_detections
from tasks.pose.files import read_annotations
from tasks.pose.follow_keypoints import check_keypoints
from tasks.pose.people import people_root, write_people

PEOPLE = "data/people"
"""The ``data_root`` of configs on the built-in people."""


@FUNCTIONS.register_module()
def people_folder(cfg: Config) -> None:
    """Take the built-in people from the cache folder, unless a ``data_root`` was given."""
    if cfg.data_root == PEOPLE:
        with _refused_people(cfg):
            move_data_root(cfg, str(people_root(**cfg.people)))


@FUNCTIONS.register_module()
def prepare_people(cfg: Config) -> None:
    """Say that the built-in people are used and write them if they are not there yet."""
    print(
        "Data: the people that come with the suite (synthetic). For COCO: put it in data/coco or "
        "add --cfg-options data_root=DIR",
        flush=True,
    )
    with _refused_people(cfg):
        write_people(cfg.data_root, **cfg.people)
    _check_boxes(cfg)


@contextmanager
def _refused_people(cfg: Config) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, FileExistsError) as error:
        raise InputError(f"people in {cfg.filename}: {error}") from error


@FUNCTIONS.register_module()
def check_coco(cfg: Config) -> None:
    """Check every COCO keypoint set that the config names, as ``tools/check_dataset.py`` does.

    Images are looked for, not opened. What training goes on with in spite of it is printed.

    Raises:
        InputError: what training would crash at, or go wrong with.
    """
    print(
        f"Data: COCO keypoints in {cfg.data_root}. For the people that come with the suite use "
        "configs/pose/hrnet-tiny_bsam_people-128x96.py",
        flush=True,
    )
    check_keypoints(cfg, check_splits(cfg))
    _check_boxes(cfg)


def _check_boxes(cfg: Config) -> None:
    """Check the detections that validation and test take their boxes from."""
    for loader, dataset in evaluated(cfg):
        boxes = dataset.get("bbox_file")
        if not boxes:
            continue
        annotations = split_of(dataset).annotations
        try:
            content = read_annotations(annotations)
            found = read_detections(boxes, content, annotations)
            others = {entry["category_id"] for entry in found} - {1}
            if others and not issubclass(DATASETS.get(dataset.type), AnyCategoryCocoDataset):
                raise InputError(
                    f"{boxes} has category_id {listed(others)}, and {dataset.type} takes 1 alone: "
                    f"set {loader}.dataset.type=AnyCategoryCocoDataset"
                )
        except InputError as error:
            raise InputError(
                f"{loader}.dataset.bbox_file: {error}: give COCO detections of these images, or "
                "set it to '' to evaluate with ground-truth boxes"
            ) from error


@FUNCTIONS.register_module()
def pretrained_backbone(cfg: Config) -> None:
    """Fetch the backbone's pretrained weights; without a network say so and train from scratch."""
    init = cfg.model.backbone.get("init_cfg") or {}
    if init.get("type") != "Pretrained" or cfg.get("load_from") or cfg.get("resume"):
        return
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(20)
    try:
        CheckpointLoader.load_checkpoint(init.checkpoint, map_location="cpu")
    except OSError as error:
        if "://" not in init.checkpoint:
            raise InputError(
                f"model.backbone.init_cfg.checkpoint={init.checkpoint}: {error}"
            ) from error
        print(
            f"WARNING: the pretrained weights {init.checkpoint} cannot be fetched ({error}). "
            "TRAINING STARTS FROM RANDOM WEIGHTS, which costs AP. With a copy of the file: "
            "--cfg-options model.backbone.init_cfg.checkpoint=FILE",
            flush=True,
        )
        cfg.model.backbone.init_cfg = None
    finally:
        socket.setdefaulttimeout(timeout)
