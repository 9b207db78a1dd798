"""Make a stopped and resumed run equal to an uninterrupted one, bit for bit."""

from __future__ import annotations

import random

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import CheckpointHook, Hook
from mmengine.registry import FUNCTIONS, HOOKS

from bsam_suite.engine import checkpoint_hook, resume_hook  # noqa: F401


@HOOKS.register_module()
class EpochSeedHook(Hook):
    """Seed all random generators at the start of each epoch from (seed, epoch, rank).

    So an epoch draws the same numbers whether or not the run was stopped before it.
    """

    priority = "VERY_HIGH"

    def before_train_epoch(self, runner) -> None:
        words = np.random.SeedSequence([runner.seed, runner.epoch, get_rank()]).generate_state(3)
        random.seed(int(words[0]))
        np.random.seed(words[1])
        torch.manual_seed(int(words[2]))


@FUNCTIONS.register_module()
def seed_worker(worker_id: int) -> None:
    """Seed a data loader's worker with the seed that PyTorch gives it in each epoch."""
    seed = torch.initial_seed() % 2**32
    random.seed(seed)
    np.random.seed(seed)
    torch.set_num_threads(1)


def make_reproducible(cfg: Config, seed: int) -> None:
    """Change ``cfg`` so that training can be killed at any time and resumed exactly.

    A resumed run continues after the last saved epoch. Workers are restarted each epoch, because no
    checkpoint stores the random state of a persistent worker.
    """
    cfg.randomness = {**cfg.get("randomness", {}), "seed": seed}
    cfg.train_dataloader.persistent_workers = False
    cfg.train_dataloader.setdefault("worker_init_fn", dict(type="seed_worker"))
    own = ("EpochSeedHook", "NormalizeCheckpointHook", "ResumeHook")
    cfg.custom_hooks = [*cfg.get("custom_hooks", []), *(dict(type=name) for name in own)]
    cfg.default_hooks = {"checkpoint": dict(type="CheckpointHook"), **cfg.get("default_hooks", {})}
    for hook in (cfg.default_hooks.checkpoint, *cfg.custom_hooks):
        if hook is not None and hook.get("type") in ("CheckpointHook", CheckpointHook):
            hook["type"] = "AtomicCheckpointHook"
