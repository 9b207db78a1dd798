"""What a pose config prepares and checks before any long work."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import FUNCTIONS
from mmengine.runner import CheckpointLoader

from bsam_suite.errors import InputError
from tasks.pose.files import read_annotations, read_results
from tasks.pose.follow import check_keypoints
from tasks.pose.people import write_people


@FUNCTIONS.register_module()
def prepare_people(cfg: Config, train: int, val: int, seed: int) -> None:
    """Say that the built-in people are used and write them if they are not there yet."""
    print(
        "Data: the people that come with the suite (synthetic). For COCO: put it in data/coco or "
        "add --cfg-options data_root=DIR",
        flush=True,
    )
    try:
        write_people(cfg.data_root, train=train, val=val, seed=seed)
    except (ValueError, FileExistsError) as error:
        raise InputError(f"people in {cfg.filename}: {error}") from error
    _check_boxes(cfg)


@FUNCTIONS.register_module()
def check_coco(cfg: Config) -> None:
    """Check every COCO keypoint set that the config names.

    Raises:
        InputError: a missing folder or file, an annotation file that is not COCO keypoints or of
            others than the config's, or images that it lists and that are not there.
    """
    print(
        f"Data: COCO keypoints in {cfg.data_root}. For the people that come with the suite use "
        "configs/pose/hrnet-tiny_bsam_people-128x96.py",
        flush=True,
    )
    seen = set()
    for loader in ("train_dataloader", "val_dataloader", "test_dataloader"):
        dataset = (cfg.get(loader) or {}).get("dataset")
        if dataset is None:
            continue
        root = Path(dataset.get("data_root") or "")
        files = (root / dataset.ann_file, root / dataset.data_prefix.img)
        if files not in seen:
            seen.add(files)
            _check_split(*files, root)
    check_keypoints(cfg)
    _check_boxes(cfg)


def _check_boxes(cfg: Config) -> None:
    """Check the detections that validation and test take their boxes from."""
    for loader in ("val_dataloader", "test_dataloader"):
        dataset = (cfg.get(loader) or {}).get("dataset") or {}
        boxes = dataset.get("bbox_file")
        if not boxes:
            continue
        annotations = read_annotations(Path(dataset.get("data_root") or "") / dataset.ann_file)
        try:
            read_results(boxes, [image["id"] for image in annotations["images"]], "bbox")
        except InputError as error:
            raise InputError(
                f"{loader}.dataset.bbox_file: {error}: give COCO detections of these images, or "
                "set it to '' to evaluate with ground-truth boxes"
            ) from error


def _check_split(annotations: Path, images: Path, root: Path) -> None:
    remedy = (
        f"data_root={root} needs annotations/person_keypoints_{{train,val}}2017.json, train2017/ "
        "and val2017/ (2017 Train/Val images and annotations of COCO)"
    )
    if not root.is_dir():
        raise InputError(f"{root} is not a folder: {remedy}")
    try:
        content = read_annotations(annotations)
    except InputError as error:
        raise InputError(f"{error}: {remedy}") from error
    if not images.is_dir():
        raise InputError(f"{images} is not a folder: {remedy}")
    if not all("keypoints" in annotation for annotation in content["annotations"]):
        raise InputError(
            f"{annotations} has annotations without keypoints: use the person_keypoints_* files"
        )
    there = {entry.name for entry in os.scandir(images)}
    missing = [i["file_name"] for i in content["images"] if i["file_name"] not in there]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(content['images'])} images of {annotations} are not in "
            f"{images}, such as {missing[0]}: {remedy}"
        )


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
