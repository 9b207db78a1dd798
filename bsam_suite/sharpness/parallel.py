"""Several processes: who shares gradients with whom, and when."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bsam_suite.errors import InputError
from bsam_suite.sharpness.vector import Vector
from bsam_suite.sharpness.weights import set_gradient, take_gradient


def data_parallel(model: nn.Module | None) -> DistributedDataParallel | None:
    """``model`` where it is DistributedDataParallel's, also within ``torch.compile``.

    Raises:
        InputError: FSDP 1, which keeps weights where a perturbation cannot reach them.
    """
    model = getattr(model, "_orig_mod", model)
    if "FullyShardedDataParallel" in (kind.__name__ for kind in type(model).__mro__):
        raise InputError(
            "FullyShardedDataParallel flattens parameters of several layers into one and shards "
            "that, so norms and groups are lost: shard the model with "
            "torch.distributed.fsdp.fully_shard"
        )
    return model if isinstance(model, DistributedDataParallel) else None


def without_sync(model: nn.Module | None) -> AbstractContextManager:
    """Passes inside keep their gradients to their own process, where ``model`` would share them.

    Raises:
        InputError: a model of ``fully_shard``.
    """
    parallel = data_parallel(model)
    if "FSDPModule" in (kind.__name__ for kind in type(model).__mro__):
        raise InputError(
            "perturbation='local' needs the whole gradient in every process, and fully_shard "
            "leaves each a part of it: take perturbation='global' or DistributedDataParallel"
        )
    return parallel.no_sync() if parallel is not None else nullcontext()


def average_gradients(model: DistributedDataParallel) -> None:
    """Average ``p.grad`` over the processes as a backward of ``model`` does.

    Uses its buckets and its communication hook: ``model`` is given a forward whose backward hands
    over the gradients that are there already.
    """
    shared = [p for p in model.module.parameters() if p.grad is not None]
    own = [p.grad for p in shared]
    for p in shared:
        p.grad = None
    module, model.module = model.module, _HandOver(shared, own)
    try:
        with torch.enable_grad():
            model().backward()
    finally:
        model.module = module


def average_kept(
    model: DistributedDataParallel, params: list[list[Tensor]], kept: dict[str, Vector | Tensor]
) -> None:
    """Average over the processes what a rule keeps, so that one process's checkpoint holds it.

    Args:
        model: shares the vectors as it does gradients.
        params: by parameter group.
        kept: vectors and numbers by name; the averages take their places.
    """
    gradient = take_gradient(params)
    for name, value in kept.items():
        if isinstance(value, Vector):
            set_gradient(params, value)
            average_gradients(model)
            kept[name] = take_gradient(params)
    set_gradient(params, gradient)
    numbers = {name: value for name, value in kept.items() if not isinstance(value, Vector)}
    if numbers:
        means = torch.stack([value.to(params[0][0].device) for value in numbers.values()])
        torch.distributed.all_reduce(means, group=model.process_group)
        means /= torch.distributed.get_world_size(model.process_group)
        kept.update(zip(numbers, means.unbind()))


class _HandOver(nn.Module):
    """A model whose gradient is known."""

    def __init__(self, parameters: Iterable[Tensor], gradients: list[Tensor]) -> None:
        super().__init__()
        self.known = list(parameters), gradients

    def forward(self) -> Tensor:
        parameters, gradients = self.known
        return _Known.apply(gradients, *parameters)


class _Known(torch.autograd.Function):
    """0, with given gradients."""

    @staticmethod
    def forward(ctx, gradients: list[Tensor], *parameters: Tensor) -> Tensor:
        ctx.gradients = gradients
        return parameters[0].new_zeros(())

    @staticmethod
    def backward(ctx, _: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.gradients
