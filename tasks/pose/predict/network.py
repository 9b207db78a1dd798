"""A trained top-down network, with the steps before and after it that its config sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import init_default_scope

from bsam_suite.compat import import_mmpose
from bsam_suite.engine.checkpoint import load_weights, read_checkpoint
from bsam_suite.engine.config import load_config
from bsam_suite.engine.recorded import recorded_config
from bsam_suite.errors import InputError
from bsam_suite.onnx.session import Session
from tasks.pose.coco import KEYPOINTS
from tasks.pose.predict.boxes import Box

PARTS = ("model", "test_dataloader", "test_evaluator")


class Person(NamedTuple):
    """A person to look at.

    Attributes:
        id: a number of its own.
        image_id: of its picture.
        image: (H, W, 3) uint8 BGR, shared by the persons of a picture.
        box: where in it.
    """

    id: int
    image_id: int
    image: np.ndarray
    box: Box


class Network:
    """Finds the keypoints of persons as an evaluation of the same config does.

    Args:
        checkpoint: file with the weights, or an exported ``.onnx``, which ONNX Runtime computes.
        config: config file; None: what the checkpoint recorded.

    Attributes:
        batch_size: how many persons at a time, by the config.
        evaluator: the config's ``test_evaluator``.
        metainfo: MMPose's description of the keypoints.

    Raises:
        InputError: config or weights cannot be read, do not fit, or are of another kind.
    """

    def __init__(self, checkpoint: str, config: str | None = None) -> None:
        import_mmpose()
        from mmpose.registry import DATASETS, MODELS

        session = Session(checkpoint) if checkpoint.endswith(".onnx") else None
        weights = dict(meta=dict(cfg=session.config)) if session else read_checkpoint(checkpoint)
        where = config or f"the config in checkpoint {checkpoint}"
        cfg = load_config(config) if config else recorded_config(weights, checkpoint, *PARTS)
        _check(cfg, where)
        init_default_scope("mmpose")
        try:
            dataset = DATASETS.build(
                dict(cfg.test_dataloader.dataset, lazy_init=True, bbox_file="")
            )
            self._model = MODELS.build(cfg.model)
        except KeyError as error:
            raise InputError(f"{where} cannot be built: {error}") from error
        names = tuple(dataset.metainfo["keypoint_name2id"])
        if names != KEYPOINTS:
            raise InputError(
                f"{where} is for {len(names)} keypoints, {', '.join(names[:3])}, ...: give a model "
                f"for COCO's {len(KEYPOINTS)} of persons"
            )
        if session:
            _compute_by(self._model, session)
        else:
            load_weights(self._model, weights, checkpoint)
        self._model.to(get_device()).eval()
        self._pipeline, self.metainfo = dataset.pipeline, dataset.metainfo
        self.batch_size = cfg.test_dataloader.get("batch_size", 1)
        evaluators = cfg.test_evaluator
        self.evaluator = evaluators if isinstance(evaluators, dict) else evaluators[0]

    def predict(self, persons: Sequence[Person]) -> list[dict]:
        """Keypoints of a batch of persons, as MMPose's data samples with plain fields."""
        batch = pseudo_collate([self._pipeline(self._info(person)) for person in persons])
        return [sample.to_dict() for sample in self._run(batch)]

    @torch.no_grad()
    def _run(self, batch: dict) -> list:
        return self._model.test_step(batch)

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


def _compute_by(model, session: Session) -> None:
    """Put ``session`` in the place of backbone, neck and head; what is before and after stays."""
    model.extract_feat = lambda inputs: inputs
    model.head.forward = session


def _check(cfg: Config, where: str) -> None:
    lacking = [name for name in PARTS if not cfg.get(name)]
    if lacking:
        raise InputError(f"{where} sets no {', '.join(lacking)}: give the config of a pose model")
    mode = cfg.test_dataloader.dataset.get("data_mode", "topdown")
    if mode != "topdown":
        raise InputError(f"{where} is of a {mode} model: give a top-down one, which takes boxes")
