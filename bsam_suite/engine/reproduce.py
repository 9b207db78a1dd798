"""Make a stopped and resumed run equal to an uninterrupted one, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping

from mmengine.config import Config
from mmengine.dist import get_rank
from mmengine.hooks import CheckpointHook, Hook
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from bsam_suite.engine import checkpoint_hook, resume_hook, signals  # noqa: F401
from bsam_suite.engine.batches import EPOCH, STEP, VALIDATION, SeededBatches, seed_all
from bsam_suite.engine.loops import ResumableEpochLoop, ResumableIterLoop

LOOPS = {
    kind: own.__name__
    for loop, own in (
        (EpochBasedTrainLoop, ResumableEpochLoop),
        (IterBasedTrainLoop, ResumableIterLoop),
    )
    for kind in (loop, loop.__name__)
}


@HOOKS.register_module()
class SeedHook(Hook):
    """Seed all random generators from the run's seed and what they are for.

    Each step draws the same numbers wherever the run was stopped before it, as do each validation
    and what is drawn at the start of an epoch. No checkpoint has to keep the generators' states.
    """

    priority = "VERY_HIGH"

    def before_train_epoch(self, runner) -> None:
        seed_all(EPOCH, runner.seed, runner.epoch, get_rank())

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        seed_all(STEP, runner.seed, runner.iter, get_rank())

    def before_val_epoch(self, runner) -> None:
        seed_all(VALIDATION, runner.seed, runner.iter, get_rank())


def make_reproducible(cfg: Config, seed: int) -> None:
    """Change ``cfg`` so that training can be killed at any time and resumed exactly.

    Loops and samplers of MMEngine are replaced by those that can go on anywhere; a loop of the
    user's own goes on from the epoch's beginning. Workers are restarted each epoch, because no
    checkpoint stores what a data set in a persistent worker may have kept.
    """
    cfg.randomness = {**cfg.get("randomness", {}), "seed": seed}
    cfg.train_dataloader.persistent_workers = False
    for name in ("train_dataloader", "val_dataloader"):
        if isinstance(cfg.get(name), Mapping):
            cfg[name].setdefault("worker_init_fn", dict(type="start_worker"))
    if _seed_batches(cfg.train_dataloader, seed) and cfg.get("train_cfg"):
        loop = cfg.train_cfg
        by_epoch = loop.pop("by_epoch", True) if "type" not in loop else None
        kind = loop.get("type", EpochBasedTrainLoop if by_epoch else IterBasedTrainLoop)
        loop.type = LOOPS.get(kind, kind)
    own = ("SeedHook", "NormalizeCheckpointHook", "ResumeHook")
    cfg.custom_hooks = [*cfg.get("custom_hooks", []), *(dict(type=name) for name in own)]
    cfg.default_hooks = {"checkpoint": dict(type="CheckpointHook"), **cfg.get("default_hooks", {})}
    for hook in (cfg.default_hooks.checkpoint, *cfg.custom_hooks):
        if hook is not None and hook.get("type") in ("CheckpointHook", CheckpointHook):
            hook["type"] = "AtomicCheckpointHook"


def _seed_batches(loader: MutableMapping, seed: int) -> bool:
    """Let ``loader`` give :class:`SeededBatches`, unless its sampler itself gives the batches."""
    inner = loader.get("batch_sampler")
    if inner is None and loader.get("batch_size", 1) is None:
        return False
    loader.setdefault("batch_size", 1)
    loader["batch_sampler"] = dict(
        type=SeededBatches.__name__,
        seed=seed,
        drop_last=loader.pop("drop_last", False),
        batch_sampler=inner,
    )
    return True
