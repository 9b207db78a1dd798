"""What an exported network takes and gives, told in the file's metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mmengine.config import Config
from torch import Tensor, nn

#: What an image loader of OpenMMLab gives.
LOADED = "BGR"


def describe(
    cfg: Config, model: nn.Module, inputs: Tensor, outputs: Sequence[Tensor], metainfo: dict
) -> dict[str, str]:
    """Values of a file's metadata, JSON, by keys; docs/onnx.md explains them.

    Args:
        cfg: the model's config, with its codec and the validation's pipeline.
        model: an MMEngine model. Its ``data_preprocessor`` has ``mean`` and ``std``, of values from
            0 to 255, where it normalizes.
        inputs: an example of the network's input, (N, C, H, W) of images.
        outputs: what the network gives for them.
        metainfo: of the data, with the names of classes or keypoints.

    Returns:
        What is known of ``input_size``, ``input_channels``, ``input_mean``, ``input_std``,
        ``pipeline``, ``codec``, ``keypoints``, ``classes`` and ``output``.
    """
    found = dict(pipeline=_pipeline(cfg), codec=_field(cfg, "head", "decoder"))
    if inputs.ndim == 4:
        found["input_size"] = [inputs.shape[3], inputs.shape[2]]
        found["input_channels"] = _channels(cfg, model)
    for name in ("mean", "std"):
        value = getattr(getattr(model, "data_preprocessor", None), name, None)
        if isinstance(value, Tensor):
            found[f"input_{name}"] = [round(x, 4) for x in value.flatten().tolist()]
    names = metainfo.get("keypoint_id2name")
    found["keypoints"] = names and [names[i] for i in sorted(names)]
    found["classes"] = metainfo["classes"] if of_classes(metainfo) else None
    found["output"] = _meaning(outputs, found)
    return {key: json.dumps(value, default=str) for key, value in found.items() if value}


def of_classes(metainfo: dict) -> bool:
    """Whether a network for such data scores classes, not places."""
    return "keypoint_id2name" not in metainfo and bool(metainfo.get("classes"))


def _field(cfg: Config, *names: str):
    """A field of the model's config, or of the float model's in a quantized one's."""
    found = cfg.get("model") or {}
    found = found.get("model") or found
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _channels(cfg: Config, model: nn.Module) -> str | None:
    """Order of the network's input channels."""
    own = getattr(getattr(model, "data_preprocessor", None), "channels", None)
    if own is not None:
        return own
    conversion = _field(cfg, "data_preprocessor") or {}
    return LOADED[::-1] if conversion.get("bgr_to_rgb") else LOADED


def _pipeline(cfg: Config) -> list | None:
    """What becomes of a loaded sample before the data preprocessor."""
    return ((cfg.get("val_dataloader") or {}).get("dataset") or {}).get("pipeline")


def _meaning(outputs: Sequence[Tensor], found: dict) -> str | None:
    dimensions = [x.ndim for x in outputs]
    if found["codec"] and dimensions == [4]:
        return "heatmaps (N, K, H, W), a keypoint where each is largest"
    if found["codec"] and dimensions == [3, 3]:
        return "scores of x and of y (N, K, L), a keypoint where both are largest"
    if found["classes"] and dimensions == [2]:
        return "scores of classes (N, C) before softmax"
    if found["classes"] and dimensions == [4]:
        return "scores of classes (N, C, H, W) before softmax, on a coarser grid than the input's"
    return None
