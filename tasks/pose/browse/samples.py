"""Load samples of a config's data set through its pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import set_random_seed

import tasks.pose.register_all  # noqa: F401
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.errors import InputError
from bsam_suite.shell import near, tool
from tasks.pose.browse.targets import Distributions, Heatmaps, targets_of
from tasks.pose.metainfo import metainfo_skeleton
from tasks.pose.skeleton import Skeleton

BLANK = np.full((128, 96, 3), 64, np.uint8)
"""The image of a sample that cannot be loaded."""


@dataclass(frozen=True)
class Sample:
    """One input of the network.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        keypoints: (K, 3) x, y in pixels of ``image``, and 2 if labelled, else 0.
        targets: None if there are none, or if they cannot be drawn.
        name: its annotation id and augmentation.
    """

    image: np.ndarray
    keypoints: np.ndarray
    skeleton: Skeleton
    targets: Heatmaps | Distributions | None
    name: str


def load_samples(path: str, split: str, number: int, options: dict | None) -> list[Sample]:
    """``number`` samples or all, evenly spaced over the data set; every call returns the same.

    If some cannot be loaded, this is printed, and they are blank.

    Raises:
        InputError: the config cannot be used, its pipeline does not make inputs of single persons,
            or no sample can be loaded.
    """
    cfg = load_config(path, options)
    dataset = _dataset(cfg, path, split)
    set_random_seed(cfg.get("randomness", {}).get("seed") or 0)
    return list(_samples(dataset, number, path))


def _dataset(cfg: Config, path: str, split: str):
    config = (cfg.get(f"{split}_dataloader") or {}).get("dataset") or {}
    if not config.get("pipeline"):
        raise InputError(f"{path} sets no {split}_dataloader.dataset.pipeline: nothing to draw")
    if config.get("bbox_file"):
        config.bbox_file = ""  # detections have no keypoints
    if "backbone" in cfg.get("model", {}):
        cfg.model.backbone.init_cfg = None  # so that the preflight fetches no weights
    preflight(cfg)
    # Packing would convert everything to tensors and drop the transformed keypoints.
    config.pipeline = [step for step in config.pipeline if step["type"] != "PackPoseInputs"]
    init_default_scope(cfg.get("default_scope", "mmpose"))
    try:
        return DATASETS.build(config)
    except (AssertionError, KeyError, OSError, ValueError) as error:
        raise InputError(
            f"the {split} data of {path} cannot be loaded ({error}): find the fault by "
            f"{_check(config.get('data_root'))}"
        ) from error


def _samples(dataset, number: int, path: str) -> Iterator[Sample]:
    skeleton = metainfo_skeleton(dataset.metainfo)
    count = len(skeleton.names)
    steps = dataset.pipeline.transforms
    encoder = next((step.encoder for step in steps if hasattr(step, "encoder")), None)
    message, loaded = "", 0
    for index in np.linspace(0, len(dataset) - 1, min(number, len(dataset))).round().astype(int):
        try:
            results = dataset[int(index)]
        except Exception as error:  # pipelines raise almost anything for damaged images
            message = (
                f"sample {index} of {path} cannot be loaded ({error}): find the fault by "
                f"{_check(dataset.data_root)}"
            )
            print(message)
            nothing = np.zeros((count, 3))
            yield Sample(BLANK, nothing, skeleton, None, f"sample {index} cannot be loaded")
            continue
        loaded += 1
        points = np.asarray(results.get("transformed_keypoints", ()))
        if points.shape[:2] != (1, count):
            raise InputError(
                f"{path} gives keypoints of shape {points.shape}: give a config of single persons "
                f"with the {count} keypoints of the metainfo, cropped by TopdownAffine"
            )
        labelled = np.asarray(results["keypoints_visible"]).reshape(count, -1)[:, 0] > 0
        keypoints = np.column_stack([points[0, :, :2], labelled * 2])
        targets = targets_of(results, encoder, count)
        yield Sample(results["img"], keypoints, skeleton, targets, _name(results))
    if not loaded:
        raise InputError(message)


def _check(root: str | None) -> str:
    return f"{tool('check_dataset')} {near(root or '.')}"


def _name(results: dict) -> str:
    turned = float(np.ravel(results.get("bbox_rotation", 0))[0])
    return f"{results['id']}{' mirrored' * bool(results.get('flip'))}" + (
        f" {turned:+.0f} deg" if abs(turned) >= 0.5 else ""
    )
