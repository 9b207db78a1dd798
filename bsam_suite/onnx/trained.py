"""A trained model of a config, and what it computes of its validation data."""

from __future__ import annotations

from itertools import islice

from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from torch import Tensor, nn

from bsam_suite.compat import mend
from bsam_suite.engine.checkpoint import load_weights, read_checkpoint
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.errors import InputError


def load_trained(config: str, checkpoint: str, options: dict | None) -> tuple[Config, nn.Module]:
    """The config and its model with the weights of ``checkpoint``, in evaluation mode on the CPU.

    Raises:
        InputError: one of them cannot be read, or they do not fit.
    """
    mend()
    cfg = load_config(config, options)
    cfg.load_from = checkpoint  # so that no other weights are asked for
    init_default_scope(cfg.get("default_scope") or "mmengine")
    content = read_checkpoint(checkpoint)
    model = MODELS.build(cfg.model)
    load_weights(model, content, checkpoint)
    return cfg, model.eval()


def validation_inputs(cfg: Config, model: nn.Module, batches: int) -> list[Tensor]:
    """Inputs of the network for the first batches of ``val_dataloader``, preprocessed.

    Raises:
        InputError: ``batches`` is less than 1, there is no validation data, or the config's
            preflight refuses.
    """
    if batches < 1:
        raise InputError(f"--batches {batches}: give a whole number from 1")
    if not cfg.get("val_dataloader"):
        raise InputError(f"{cfg.filename} has no val_dataloader to check the file on")
    preflight(cfg)
    loader = Runner.build_dataloader(cfg.val_dataloader)
    return [model.data_preprocessor(b, False)["inputs"] for b in islice(loader, batches)]
