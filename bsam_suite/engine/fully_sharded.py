"""Models that are cut over the processes (FSDP2), and their checkpoints, which are whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mmengine.dist import is_main_process
from mmengine.registry import MODEL_WRAPPERS
from torch import Tensor, nn
from torch.optim import Optimizer

from bsam_suite.errors import InputError
from bsam_suite.nearest import did_you_mean
from bsam_suite.sharpness.sums import is_sharded


@MODEL_WRAPPERS.register_module()
class FullySharded:
    """Cut a model over all processes by ``torch.distributed.fsdp.fully_shard``.

    Weights, gradients, what the rule keeps and the optimizer's state are then divided by the number
    of processes. The model itself comes back, with other parameters: there is nothing around it.
    """

    def __new__(cls, module: nn.Module, units: Sequence[str] = (), **kwargs):
        """Cut ``module``.

        Args:
            module: the model.
            units: names of its classes, such as ``["EncoderBlock"]``. Their weights are gathered
                when they run, and let go; all others are gathered for the whole forward.
            **kwargs: for ``fully_shard``.

        Raises:
            InputError: the model has no such class.
        """
        from torch.distributed.fsdp import fully_shard

        found = {type(part).__name__ for part in module.modules()}
        for name in units:
            if name not in found:
                raise InputError(
                    f"model_wrapper_cfg.units: {name!r} is no class of a part of the model"
                    f"{did_you_mean(name, found)}"
                )
        for part in reversed([*module.modules()]):
            if type(part).__name__ in units and part is not module:
                fully_shard(part, **kwargs)
        fully_shard(module, **kwargs)
        for part in module.modules():
            part.register_load_state_dict_pre_hook(_cut_weights)
        return module


def is_cut(model: nn.Module) -> bool:
    """Whether it is shared out over the processes."""
    return any(is_sharded(p) for p in model.parameters())


def shard_state(optimizer: Optimizer) -> None:
    """Let ``optimizer`` load the state of whole parameters for its sharded ones."""
    optimizer.register_load_state_dict_pre_hook(_cut_state)


@contextmanager
def gathered(model: nn.Module, optimizer) -> Iterator[None]:
    """Inside, the states of both are whole in the first process; all must enter.

    Args:
        optimizer: or its wrapper.
    """
    if not is_cut(model):
        yield
        return
    weights = model.state_dict()
    weights.update(_whole(dict(weights)))
    state = _whole(optimizer.state_dict())
    vars(model)["state_dict"], vars(optimizer)["state_dict"] = lambda: weights, lambda: state
    try:
        yield
    finally:
        del vars(model)["state_dict"], vars(optimizer)["state_dict"]


def _whole(value):
    if isinstance(value, dict):
        return {name: _whole(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_whole, value))
    if not isinstance(value, Tensor):
        return value
    whole = value.full_tensor() if is_sharded(value) else value
    return whole.cpu() if is_main_process() else None  # of no use there, and large


def _cut_weights(module: nn.Module, state: dict, prefix: str, *_) -> None:
    for name, own in module.named_parameters(recurse=False):
        if prefix + name in state:
            state[prefix + name] = _cut(state[prefix + name], own)


def _cut_state(optimizer: Optimizer, state: dict) -> dict:
    params = [p for group in optimizer.param_groups for p in group["params"]]
    numbers = [number for group in state["param_groups"] for number in group["params"]]
    cut = {
        number: {name: _cut(value, p) for name, value in state["state"][number].items()}
        for number, p in zip(numbers, params)
        if number in state["state"]
    }
    return {**state, "state": {**state["state"], **cut}}


def _cut(value: object, like: Tensor) -> object:
    """This process's part of a whole tensor, where ``like`` is one of as large a tensor."""
    if not isinstance(value, Tensor) or is_sharded(value) or not is_sharded(like):
        return value
    if value.shape != like.shape:
        return value  # a number of steps, or weights of another model, which are refused
    from torch.distributed.tensor import distribute_tensor

    value = value.to(like.device)
    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)
