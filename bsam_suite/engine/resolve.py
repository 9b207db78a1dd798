"""What a config leaves to the machine and to the options, for its field ``resolve``."""

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


@FUNCTIONS.register_module()
def drop_late_schedules(cfg: Config) -> None:
    """Leave out the schedules by epoch that would begin when the training is over.

    MMEngine ends a schedule that has no ``end`` with the training, and refuses one that would begin
    there or later, as when ``train_cfg.max_epochs`` is set to less than a warm-up.
    """
    epochs = cfg.train_cfg.max_epochs
    if not isinstance(epochs, int):
        return  # which the check of the config refuses
    cfg.param_scheduler = [
        schedule
        for schedule in cfg.param_scheduler
        if "end" in schedule or schedule.get("begin", 0) < epochs
    ]
