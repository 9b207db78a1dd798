"""How many loader processes a run has."""

from __future__ import annotations

import os

from mmengine.config import Config
from mmengine.registry import FUNCTIONS


@FUNCTIONS.register_module()
def workers_by_cores(cfg: Config) -> None:
    """Give each data loader of ``cfg`` the workers of this machine, once.

    The config that a run writes to its folder has their number, and keeps it.
    """
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        if cfg.get(name):
            cfg[name].num_workers = workers()
    cfg.resolve = [entry for entry in cfg.resolve if entry.type != "workers_by_cores"]


def workers() -> int:
    """Loader processes for each training process: a core each, from 2 to 16."""
    cores = len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    return min(max(cores, 2), 16)
