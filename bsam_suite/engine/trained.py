"""A trained model of a config, and what it computes of its validation data."""

from __future__ import annotations

from itertools import islice
from typing import Any

from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.building import building
from bsam_suite.engine.check_config import check_config
from bsam_suite.engine.checkpoint import load_weights, read_checkpoint
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.errors import InputError


def load_trained(config: str, checkpoint: str, options: dict | None) -> tuple[Config, nn.Module]:
    """The config and its model with the weights of ``checkpoint``, in evaluation mode on the CPU.

    Raises:
        InputError: one of them cannot be read, or they do not fit.
    """
    patch_mmengine()
    cfg = load_config(config, options)
    check_config(cfg)
    cfg.load_from = checkpoint  # so that no other weights are asked for
    init_default_scope(cfg.get("default_scope") or "mmengine")
    content = read_checkpoint(checkpoint)
    with building(cfg):
        model = MODELS.build(cfg.model)
    load_weights(model, content, checkpoint)
    return cfg, model.eval()


def validation_loader(cfg: Config) -> DataLoader:
    """The config's ``val_dataloader``.

    Raises:
        InputError: there is no validation data, or the config's preflight refuses.
    """
    if not cfg.get("val_dataloader"):
        raise InputError(f"{cfg.filename} has no val_dataloader to check the file on")
    preflight(cfg)
    with building(cfg):
        return Runner.build_dataloader(cfg.val_dataloader)


def validation_inputs(model: nn.Module, loader: DataLoader, batches: int) -> list[Tensor]:
    """Inputs of the network for the first batches of ``loader``, preprocessed.

    Raises:
        InputError: ``batches`` is less than 1.
    """
    if batches < 1:
        raise InputError(f"--batches {batches}: give a whole number from 1")
    preprocess: Any = model.data_preprocessor
    return [preprocess(b, False)["inputs"] for b in islice(loader, batches)]


def metainfo(loader: DataLoader) -> dict:
    """What the data say of themselves, such as the names of classes or keypoints."""
    return getattr(getattr(loader, "dataset", None), "metainfo", {})
