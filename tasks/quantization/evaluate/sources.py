"""From config and checkpoint to the float model, the trained quantized one and their weights."""

from __future__ import annotations

from dataclasses import dataclass

from mmengine.config import Config

from bsam_suite.compat import mend
from bsam_suite.engine.checkpoint import read_checkpoint
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.errors import InputError
from tasks.quantization.evaluate.request import Request
from tasks.quantization.last_layers import last_layers

NEEDED = ("model", "train_dataloader", "test_dataloader", "test_evaluator")


@dataclass
class Sources:
    """What there is to evaluate.

    Attributes:
        cfg: config whose ``model`` is the float one.
        float_path, float_weights: its checkpoint; no weights where there is none to start from.
        quantized: config of a trained quantized model, or None.
        quantized_path, quantized_weights: its checkpoint.
        conversion: what both ways of quantizing share: ``skip`` and the like.
        notes: what is to be told with the results.
    """

    cfg: Config
    float_path: str | None
    float_weights: dict | None
    quantized: dict | None
    quantized_path: str | None
    quantized_weights: dict | None
    conversion: dict
    notes: list[str]


def load_sources(request: Request) -> Sources:
    """Read config and checkpoints.

    Raises:
        InputError: the config or the given checkpoint cannot be read or lacks something.
    """
    mend()
    cfg = load_config(request.config, request.cfg_options)
    missing = [name for name in NEEDED if not cfg.get(name)]
    if missing:
        raise InputError(f"{request.config} sets no {', '.join(missing)}: add what is missing")
    given = read_checkpoint(request.checkpoint)
    conversion = dict(skip=request.skip, first_last_bits=8)
    path = cfg.model.get("checkpoint")
    cfg.load_from = request.checkpoint  # so that the preflight asks for no other weights
    preflight(cfg)
    if cfg.model.get("type") != "Quantized":
        conversion["last"] = last_layers(cfg.model)
        return Sources(cfg, request.checkpoint, given, None, None, None, conversion, [])
    model = cfg.model
    own = model.get("quantization", {})
    # So that rows with and without training differ by nothing but that.
    conversion |= {k: own[k] for k in ("first_last_bits", "last", "fold_batch_norm") if k in own}
    conversion["skip"] = [*own.get("skip", []), *request.skip]
    weights, notes = None, []
    try:
        if path is None:
            raise InputError("model.checkpoint is not set")
        weights = read_checkpoint(path)
    except InputError as error:
        notes.append(f"no rows without training: {request.config} names no float model: {error}")
    cfg.model = model.model
    return Sources(cfg, path, weights, model, request.checkpoint, given, conversion, notes)
