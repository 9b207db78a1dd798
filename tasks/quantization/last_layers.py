"""The last layers of networks that have several."""

from __future__ import annotations

from mmengine.config import Config
from mmengine.registry import FUNCTIONS

LAST = dict(SimCCHead=["head.mlp_head_*"], RTMCCHead=["head.cls_*"])
"""By type of head, one for x and one for y."""


def last_layers(model: dict) -> list[str]:
    """Argument ``last`` of :func:`tasks.quantization.convert.quantize` for a float model.

    Args:
        model: the float model's config.

    Returns:
        Patterns; none where the last layer is the last one that the model registers.
    """
    return LAST.get((model.get("head") or {}).get("type"), [])


@FUNCTIONS.register_module()
def name_last_layers(cfg: Config) -> None:
    """Set ``last`` of the quantization by the head, where the config leaves it out."""
    last = last_layers(cfg.model.model)
    if last:
        cfg.model.quantization.setdefault("last", last)
