"""Read the config in a checkpoint for prediction, without anything that could do harm."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

from bsam_suite.engine.checkpoint_config import (
    REMEDY,
    check_types,
    config_of_checkpoint,
    find_registered,
)
from bsam_suite.errors import InputError
from tasks.pose.metainfo import mmpose_dataset_configs, sort_keypoint_info

PACKAGES = (
    "mmpose.models.pose_estimators.topdown",
    "mmpose.models.backbones",
    "mmpose.models.necks",
    "mmpose.models.heads",
    "mmpose.models.losses",
    "mmpose.models.data_preprocessors",
    "mmpose.models.utils",
    "mmpose.codecs",
    "mmcv.cnn.bricks",
    "mmengine.utils.dl_utils.parrots_wrapper",  # SyncBN
    "torch.nn.modules",
    "tasks.pose",
    "bsam_suite.quantization",
    "tasks.quantization",
)
"""Packages that define a model's modules. Built from plain values, none of them reads or writes
files, except what :func:`_model` removes."""
DATA_PACKAGES = ("mmpose.datasets", "tasks.pose")
STEPS = {
    "LoadImage": ("to_float32",),  # loads nothing, because prediction passes the image
    "GetBBoxCenterScale": ("padding",),
    "TopdownAffine": ("input_size", "use_udp"),
    "PackPoseInputs": (),
}
"""The allowed steps of a pipeline, with their arguments."""
SETTINGS = {
    "score_mode": ("bbox", "bbox_keypoint", "bbox_rle", "keypoint"),
    "keypoint_score_thr": (int, float),
    "nms_mode": ("oks_nms", "soft_oks_nms", "none"),
    "nms_thr": (int, float),
}
"""The settings of the evaluator: one of these values, or of these types."""
METAINFO = ("dataset_name", "keypoint_info", "skeleton_info", "joint_weights", "sigmas")
"""Required fields of MMPose's description of keypoints."""
LARGEST_SIDE, LARGEST_BATCH = 4096, 256


def pose_config_of_checkpoint(checkpoint: dict, path: str) -> Config:
    """The fields that prediction needs, from the config of a top-down model in a checkpoint.

    Types must be modules of MMPose or this project, files must be those that MMPose ships. All
    other fields are removed.

    Raises:
        InputError: there is no config, it is for another kind of model, or it has anything else.
    """
    from mmpose.models import TopdownPoseEstimator
    from mmpose.registry import KEYPOINT_CODECS, MODELS

    content = config_of_checkpoint(checkpoint, path)
    where = f"the config in checkpoint {path}"
    model = _dict(content, "model", where)
    named = model.get("model") if model.get("type") == "Quantized" else model
    kind = find_registered(named.get("type"), MODELS) if isinstance(named, dict) else None
    if isinstance(kind, type) and not issubclass(kind, TopdownPoseEstimator):
        raise InputError(
            f"{where} is of class {kind.__name__}: give a top-down pose model, such as "
            "TopdownPoseEstimator"
        )
    types = _without(model, ("init_cfg", "_scope_", "metainfo"))
    check_types(types, (MODELS, KEYPOINT_CODECS), PACKAGES, where, "model")
    loader = _dict(content, "test_dataloader", where)
    return Config(
        dict(
            model=_model(model, where),
            test_dataloader=dict(
                batch_size=_whole(loader.get("batch_size", 1), LARGEST_BATCH, where, "batch_size"),
                dataset=_dataset(_dict(loader, "dataset", where), where),
            ),
            test_evaluator=_evaluator(content.get("test_evaluator"), where),
        )
    )


def _dict(content: dict, name: str, where: str) -> dict:
    value = content.get(name)
    if not isinstance(value, dict) or not value:
        raise InputError(f"{where} has no {name}: give the config of a pose model by --config FILE")
    return value


def _evaluator(evaluator, where: str) -> dict:
    evaluator = evaluator[0] if isinstance(evaluator, (list, tuple)) and evaluator else evaluator
    evaluator = _dict(dict(test_evaluator=evaluator), "test_evaluator", where)
    settings = {"type": "CocoMetric"}
    for name, allowed in SETTINGS.items():
        if name in evaluator:
            value = evaluator[name]
            if value not in allowed and type(value) not in allowed:
                raise InputError(f"{where} sets {name} to {str(value)[:60]!r}: {REMEDY}")
            settings[name] = value
    return settings


def _without(value, names: tuple[str, ...]):
    if isinstance(value, dict):
        return {k: _without(v, names) for k, v in value.items() if k not in names}
    if isinstance(value, (list, tuple)):
        return type(value)(_without(v, names) for v in value)
    return value


def _model(value, where: str):
    """The model without initial weights, which come from the checkpoint, and without scopes, since
    all types are found from MMPose's. ``metainfo`` must be from files that MMPose ships."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if k not in ("init_cfg", "_scope_")}
        return {
            k: _metainfo(v, where) if k == "metainfo" and v else _model(v, where)
            for k, v in kept.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(_model(v, where) for v in value)
    return value


def _dataset(dataset: dict, where: str) -> dict:
    """The data set's keypoints and pipeline, without its files."""
    from mmpose.registry import DATASETS

    metainfo = dataset.get("metainfo")
    if not metainfo:
        check_types(dict(type=dataset.get("type")), [DATASETS], DATA_PACKAGES, where, "dataset")
        metainfo = find_registered(dataset["type"], DATASETS).METAINFO
    return dict(
        type="BaseCocoStyleDataset",
        data_mode=dataset.get("data_mode", "topdown"),
        metainfo=_metainfo(metainfo, where),
        pipeline=_pipeline(dataset.get("pipeline"), where),
    )


def _metainfo(metainfo, where: str) -> dict:
    """Keypoints as values, or from one of the config files that MMPose ships."""
    if not isinstance(metainfo, dict):
        raise InputError(f"{where} sets metainfo to {str(metainfo)[:60]!r}: {REMEDY}")
    if "from_file" not in metainfo:
        missing = [name for name in METAINFO if name not in metainfo]
        if missing:
            raise InputError(f"{where} sets metainfo without {', '.join(missing)}: {REMEDY}")
        info = sort_keypoint_info(metainfo["keypoint_info"], f"metainfo of {where}")
        return dict(metainfo, keypoint_info=info)
    named = Path(str(metainfo["from_file"]))
    shipped = mmpose_dataset_configs()
    theirs = {path.name for path in shipped.glob("*.py")}
    if named.parts[-3:-1] != ("_base_", "datasets") or named.name not in theirs:
        raise InputError(
            f"{where} takes its metainfo from {str(named)[:60]!r}, which would be run as a program "
            f"and is not one of MMPose's files: {REMEDY}"
        )
    return dict(from_file=str(shipped / named.name))


def _pipeline(steps, where: str) -> list[dict]:
    kept = []
    for step in steps if isinstance(steps, (list, tuple)) else [steps]:
        kind = step.get("type") if isinstance(step, dict) else step
        if not isinstance(kind, str) or kind not in STEPS:
            raise InputError(
                f"{where} has a step {str(kind)[:60]!r} in its test pipeline, which is not one of "
                f"{', '.join(STEPS)}: {REMEDY}"
            )
        kept.append({k: v for k, v in step.items() if k in ("type", *STEPS[kind])})
        size = step.get("input_size", ())
        for side in size if isinstance(size, (list, tuple)) else [size]:
            _whole(side, LARGEST_SIDE, where, "input_size")
    return kept


def _whole(value, largest: int, where: str, name: str) -> int:
    if type(value) is not int or not 1 <= value <= largest:
        raise InputError(f"{where} sets {name} to {str(value)[:60]!r}: give 1 to {largest}")
    return value
