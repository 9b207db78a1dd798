"""Pretrained weights of a backbone, for a config's ``preflight``."""

from __future__ import annotations

import socket
from typing import Any

from mmengine.config import Config
from mmengine.registry import FUNCTIONS
from mmengine.runner import CheckpointLoader

from bsam_suite.errors import InputError
from bsam_suite.quiet import tell


@FUNCTIONS.register_module()
def pretrained_backbone(cfg: Config) -> None:
    """Download the backbone's pretrained weights; if that fails, print it and start without.

    Raises:
        InputError: the config names a file that cannot be read.
    """
    init: Any = cfg.model.backbone.get("init_cfg") or {}
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
        tell(
            f"WARNING: the pretrained weights {init.checkpoint} cannot be downloaded ({error}). "
            "TRAINING STARTS FROM RANDOM WEIGHTS, to a lower result. If you have the file, use "
            "--cfg-options model.backbone.init_cfg.checkpoint=FILE"
        )
        cfg.model.backbone.init_cfg = None
    finally:
        socket.setdefaulttimeout(timeout)
