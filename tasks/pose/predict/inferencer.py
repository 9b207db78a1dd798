"""Inference with a trained top-down network, including the pipeline of its config."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from torch import Tensor

import bsam_suite.quantization  # noqa: F401  packed checkpoints can be read
from bsam_suite.compat import import_mmpose
from bsam_suite.engine.checkpoint import load_weights, read_checkpoint
from bsam_suite.engine.checkpoint_config import building_safely
from bsam_suite.engine.config import load_config
from bsam_suite.errors import InputError
from bsam_suite.onnx.session import Session
from tasks.pose.follow_keypoints import check_head
from tasks.pose.metainfo import metainfo_skeleton
from tasks.pose.predict.boxes import Box
from tasks.pose.predict.checkpoint_config import pose_config_of_checkpoint

REQUIRED = ("model", "test_dataloader", "test_evaluator")


class Person(NamedTuple):
    """A person in an image.

    Attributes:
        image: (H, W, 3) uint8 BGR, shared by the persons in it.
    """

    id: int
    image_id: int
    image: np.ndarray
    box: Box


class PoseInferencer:
    """Predicts the keypoints of persons, with the results of an evaluation of the same config.

    Args:
        checkpoint: file with the weights, or an exported ``.onnx``, which ONNX Runtime runs.
        config: config file; None for the config in the checkpoint.

    Attributes:
        batch_size: number of persons at a time, from the config.
        evaluator: the config's ``test_evaluator``.
        metainfo: MMPose's description of the keypoints.
        skeleton: the keypoints.

    Raises:
        InputError: config or weights cannot be read, do not match, or are of another kind.
    """

    def __init__(self, checkpoint: str, config: str | None = None) -> None:
        import_mmpose()
        session = Session(checkpoint) if checkpoint.endswith(".onnx") else None
        weights = dict(meta=dict(cfg=session.config)) if session else read_checkpoint(checkpoint)
        where = config or f"the config in checkpoint {checkpoint}"
        cfg = load_config(config) if config else pose_config_of_checkpoint(weights, checkpoint)
        _check(cfg, where)
        if session and cfg.model.type == "Quantized":  # the file itself is quantized
            cfg.model = cfg.model.model
        state = None if session else _tensors(weights, checkpoint)
        numbers = 2 * Path(checkpoint).stat().st_size if session else _count(state)  # int4
        guard = nullcontext if config else partial(building_safely, where, numbers)
        init_default_scope("mmpose")
        with guard():
            self._model, dataset = _build(cfg, where)
            self.skeleton = metainfo_skeleton(dataset.metainfo)
            check_head(cfg.model, self.skeleton, where)
        count = len(self.skeleton.names)
        # NMS needs sigmas, which some of MMPose's data sets do not have.
        self.metainfo = dict(dataset.metainfo, sigmas=np.array(self.skeleton.sigmas))
        self._pipeline = dataset.pipeline
        self.batch_size = cfg.test_dataloader.get("batch_size", 1)
        evaluators = cfg.test_evaluator
        self.evaluator = evaluators if isinstance(evaluators, dict) else evaluators[0]
        if not session:
            load_weights(self._model, dict(state_dict=state), checkpoint)
        self._model.to(get_device()).eval()
        blank = Person(0, 0, np.zeros((64, 48, 3), np.uint8), Box((0, 0, 48, 64), 1.0))
        with guard():
            if session:
                self._compute_by(session, checkpoint, blank)
            found = self.predict([blank])[0]["pred_instances"]["keypoints"]
        if found.shape[1:] != (count, 2):
            raise InputError(
                f"{checkpoint} gives {found.shape[1]} keypoints, {where} is for {count}"
            )

    def predict(self, persons: Iterable[Person]) -> list[dict]:
        """Keypoints of a batch of persons, as MMPose's data samples converted to dicts."""
        crops = [self._pipeline(self._info(person)) for person in persons]
        return [sample.to_dict() for sample in self._run(pseudo_collate(crops))] if crops else []

    @torch.no_grad()
    def _run(self, batch: dict) -> list:
        return self._model.test_step(batch)

    @torch.no_grad()
    def _compute_by(self, session: Session, file: str, person: Person) -> None:
        """Replace backbone, neck and head by ``session``, whose output shapes must be the same."""
        model = self._model
        batch = pseudo_collate([self._pipeline(self._info(person))])
        inputs = model.data_preprocessor(batch, False)["inputs"]
        wanted, found = _shapes(model(inputs, None, mode="tensor")), _shapes(session(inputs))
        if found != wanted:
            raise InputError(
                f"{file} is another network: it gives {found} for {tuple(inputs.shape)}, that of "
                f"the config gives {wanted}: give the config that it was exported with"
            )
        model.extract_feat = lambda inputs: inputs
        model.head.forward = session

    def _info(self, person: Person) -> dict:
        category = {} if person.box.category is None else dict(category_id=person.box.category)
        return dict(
            self.metainfo,
            id=person.id,
            img_id=person.image_id,
            img=person.image,
            bbox=np.array([person.box.corners], np.float32),
            bbox_score=np.array([person.box.score], np.float32),
            **category,
        )


def _build(cfg: Config, where: str) -> tuple:
    """The model, and its data set without loading data."""
    from mmpose.models.pose_estimators.base import BasePoseEstimator
    from mmpose.registry import DATASETS, MODELS

    try:
        model = MODELS.build(cfg.model)
        if not isinstance(model, BasePoseEstimator):
            kind = type(model).__name__
            raise InputError(f"{where} is of class {kind}: give one of a top-down pose model")
        dataset = dict(cfg.test_dataloader.dataset, lazy_init=True, bbox_file="")
        return model, DATASETS.build(dataset)
    except KeyError as error:
        raise InputError(f"{where} cannot be built: {error}") from error


def _tensors(checkpoint: dict, path: str) -> dict[str, Tensor]:
    state = checkpoint.get("state_dict", checkpoint)
    if not isinstance(state, dict):
        raise InputError(f"checkpoint {path} has a {type(state).__name__} for state_dict")
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_meta:
            raise InputError(f"checkpoint {path} has no plain tensor for {str(name)[:60]!r}")
    return state


def _count(state: dict[str, Tensor]) -> int:
    """Number of values in memory, which may be fewer than the shapes say."""
    storages = {v.untyped_storage().data_ptr(): v for v in state.values()}
    return sum(v.untyped_storage().nbytes() // v.element_size() for v in storages.values())


def _shapes(outputs) -> list[tuple[int, ...]]:
    if isinstance(outputs, Tensor):
        return [tuple(outputs.shape)]
    return [shape for output in outputs for shape in _shapes(output)]


def _check(cfg: Config, where: str) -> None:
    missing = [name for name in REQUIRED if not cfg.get(name)]
    if missing:
        raise InputError(f"{where} sets no {', '.join(missing)}: give the config of a pose model")
    if not isinstance(cfg.test_dataloader.get("dataset"), dict):
        raise InputError(f"{where} sets no test_dataloader.dataset: give that of a pose model")
    mode = cfg.test_dataloader.dataset.get("data_mode", "topdown")
    if mode != "topdown":
        raise InputError(f"{where} is for a {mode} model: give a top-down model, which uses boxes")
