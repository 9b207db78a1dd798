"""A resumed run continues with the same optimizer, schedules and validations."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from copy import copy

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict
from mmengine.registry import HOOKS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from bsam_suite.engine.loops import ResumableEpochLoop
from bsam_suite.errors import InputError, listed
from bsam_suite.quiet import tell

VALIDATED = "validated"
KINDS, DATA = "optimizers", "data"
# These change how PyTorch computes, not what; PyTorch's versions differ in them.
MODES = {"foreach", "fused", "capturable", "differentiable", "maximize", "decoupled_weight_decay"}


@HOOKS.register_module()
class NormalizeCheckpointHook(Hook):
    """Put the weights of a checkpoint under ``state_dict``, without the prefix ``module.``.

    MMEngine's model accepts other forms too, but its ``EMAHook`` does not: it would keep random
    weights for its average if names start with the ``module.`` of several processes.
    """

    priority = "VERY_HIGH"

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if "state_dict" not in checkpoint:
            weights = copy(checkpoint)
            checkpoint.clear()
            checkpoint["state_dict"] = weights
        weights = checkpoint["state_dict"]
        for name in [name for name in weights if name.startswith("module.")]:
            weights[name.removeprefix("module.")] = weights.pop(name)


@HOOKS.register_module()
class ResumeHook(Hook):
    """Make a resumed run equal to an uninterrupted one of the same config, or raise an error.

    MMEngine loads the state of optimizer and schedules even if the config says something else. It
    also saves a checkpoint before the validation of the same epoch, and a resumed run skips that
    validation: schedules that follow a metric, and the choice of the best checkpoint, would miss
    one. Here the resumed run makes that validation first.
    """

    priority = "LOWEST"

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare the state in ``checkpoint`` with the objects that the config has built.

        Raises:
            InputError: they differ in more than the progress of the run.
        """
        if not runner._resume:
            return
        place = runner._load_from
        meta, loop, kinds = checkpoint["meta"], runner.train_loop, _kinds(runner.optim_wrapper)
        found = [
            *_differences(meta.get(KINDS, kinds), kinds, "optim_wrapper: "),
            *_optimizer_differences(runner.optim_wrapper, checkpoint["optimizer"]),
            *_schedule_differences(
                runner.param_schedulers or [], checkpoint.get("param_schedulers", [])
            ),
        ]
        if found:
            raise InputError(
                f"--resume of {place}: {listed(found, separator='; ')}. A run must be resumed with "
                "the same optimizer and schedules: give the same config and options. To start a "
                f"new run from its weights, use --cfg-options load_from={place} without --resume"
            )
        said = [_take_up(loop, meta)]
        if meta.get(DATA, {}).get("waiting"):
            said.append("between the parts of an accumulated gradient: those before it are lost")
        for fault in filter(None, said):
            tell(f"WARNING: {place} was saved {fault}")

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        checkpoint["meta"][KINDS] = _kinds(runner.optim_wrapper)
        waiting = not made_a_step(runner.optim_wrapper)
        checkpoint["meta"][DATA] = {**_data(runner.train_loop), "waiting": waiting}

    def before_val_epoch(self, runner) -> None:
        runner.message_hub.update_info(VALIDATED, runner.iter)

    def before_train(self, runner) -> None:
        """Make the validation that was due when the run was stopped."""
        loop, known = runner.train_loop, runner.message_hub.runtime_info
        if runner.val_loop is None or loop.iter == 0 or known.get(VALIDATED) == loop.iter:
            return
        if _validates_now(loop):
            runner.val_loop.run()


def made_a_step(wrapper) -> bool:
    """Whether no gradient waits for the rest of its batch."""
    wrappers = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
    return all(one.should_update() for one in wrappers)


def _data(loop) -> dict[str, int]:
    """How ``loop`` goes through its data, and how many batches of the epoch it has done."""
    return dict(done=getattr(loop, "done", 0), batches=len(loop.dataloader), of=get_world_size())


def _take_up(loop, meta: Mapping) -> str | None:
    """Let ``loop`` go on where the run of ``meta`` was; a warning if it cannot."""
    here, there = _data(loop), meta.get(DATA, {})
    same = all(there.get(name) == here[name] for name in ("batches", "of"))
    if isinstance(loop, ResumableEpochLoop) and same:
        loop.done = there["done"]
        return None
    length = meta["epoch"] * len(loop.dataloader)
    if isinstance(loop, EpochBasedTrainLoop) and meta["iter"] != length:
        return (
            f"after {meta['iter']} iterations, but {meta['epoch']} epochs are {length} iterations "
            f"here: epoch {meta['epoch'] + 1} starts from its beginning"
        )
    if isinstance(loop, IterBasedTrainLoop) and there and not same:
        return f"with other data or processes ({there}, here {here}): their order changes"
    return None


def _validates_now(loop) -> bool:
    """Whether MMEngine's ``loop`` validates at its present iteration or epoch."""
    if not isinstance(loop, (EpochBasedTrainLoop, IterBasedTrainLoop)):
        return False  # the user's own loop decides by itself
    if getattr(loop, "done", 0):
        return False  # in the middle of an epoch
    loop._decide_current_val_interval()
    by_iter = isinstance(loop, IterBasedTrainLoop)
    now, end = (loop.iter, loop.max_iters) if by_iter else (loop.epoch, loop.max_epochs)
    return now >= loop.val_begin and (now % loop.val_interval == 0 or now == end)


def _kinds(wrapper) -> dict[str, str]:
    """The names of the base optimizers and rules, as a checkpoint stores them."""
    inner = getattr(wrapper, "optim_wrappers", None)
    if inner is not None:  # an OptimWrapperDict
        return {f"{n}.{kind}": v for n, one in inner.items() for kind, v in _kinds(one).items()}
    rule = getattr(wrapper, "rule_name", "none")
    return dict(optimizer=type(wrapper.optimizer).__name__, rule=rule)


def _optimizer_differences(wrapper, saved: dict) -> Iterator[str]:
    if hasattr(wrapper, "optim_wrappers"):  # an OptimWrapperDict
        if saved.keys() != wrapper.optim_wrappers.keys():
            yield f"it has optimizers {sorted(saved)}, the config {sorted(wrapper.optim_wrappers)}"
            return
        for name, inner in wrapper.optim_wrappers.items():
            yield from _optimizer_differences(inner, saved[name])
        return
    there, here = saved.get("param_groups", []), wrapper.optimizer.param_groups
    if [len(g["params"]) for g in there] != [len(g["params"]) for g in here]:
        yield (
            f"it has {len(there)} groups of {sum(len(g['params']) for g in there)} parameters, the "
            f"config {len(here)} of {sum(len(g['params']) for g in here)}"
        )
        return
    for number, (a, b) in enumerate(zip(there, here)):
        there, here = _hyper(a), _hyper(b)
        there = {n: v for n, v in there.items() if n in here}  # without its progress
        yield from _differences(there, here, f"optim_wrapper, group {number}: ")


def _hyper(group: Mapping) -> dict:
    """The hyperparameters of ``group`` before any schedule changed them."""
    names = {n for n in group if not n.startswith("initial_")} - {"params", "param_names"} - MODES
    if "initial_momentum" in group:  # Adam's, whose schedule moves the first of the betas
        names.discard("betas")
    return {name: group.get(f"initial_{name}", group[name]) for name in names}


def _schedule_differences(here, saved) -> Iterator[str]:
    if isinstance(here, Mapping):  # of several optimizers
        here = [scheduler for name in sorted(here) for scheduler in here[name]]
        saved = [state for name in sorted(saved) for state in saved[name]]
    if len(here) != len(saved):
        yield f"it has {len(saved)} schedules, the config {len(here)}"
        return
    for number, (scheduler, state) in enumerate(zip(here, saved)):
        given = {
            name
            for kind in type(scheduler).__mro__
            if "__init__" in vars(kind)
            for name in inspect.signature(vars(kind)["__init__"]).parameters
        }
        own = vars(scheduler)
        given = (given & {*own, *state}) - {"optimizer", "last_step", "verbose"}
        a = {name: state[name] for name in given & state.keys()}
        b = {name: own[name] for name in given & own.keys()}
        yield from _differences(a, b, f"param_scheduler[{number}].")


def _differences(there: Mapping, here: Mapping, place: str) -> Iterator[str]:
    for name in sorted(there.keys() | here.keys()):
        if name not in here:
            yield f"{place}{name} is {there[name]} in the checkpoint and not in the config"
        elif name not in there:
            yield f"{place}{name} is {here[name]} in the config and not in the checkpoint"
        elif not _equal(there[name], here[name]):
            yield f"{place}{name} is {there[name]} in the checkpoint, {here[name]} in the config"


def _equal(a, b) -> bool:
    if isinstance(a, Sequence) and isinstance(b, Sequence) and not isinstance(a, str):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b)
