"""Sums of tensors and over tensors, of which each process may hold a shard only (FSDP2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import TYPE_CHECKING, TypeGuard

import torch
from torch import Tensor
from torch.optim.sgd import sgd

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor


def add_scaled_(targets: list[Tensor], tensors: list[Tensor], factor: float | Tensor) -> None:
    """``targets += factor * tensors`` in place."""
    for chosen in blocks(targets):
        ts, xs = [targets[i] for i in chosen], [tensors[i] for i in chosen]
        # Double precision is for comparisons: there in the published codes' order of operations,
        # since Adam makes whole steps of gradients that are nothing but rounding.
        double = all(t.dtype == torch.float64 for t in ts)
        if isinstance(factor, Tensor):
            factor = factor.to(ts[0].device)
            if ts[0].device.type == "cpu" and not double:
                number = factor.to(ts[0].dtype)  # once, not for each tensor
                for t, x in zip(ts, xs):
                    t.addcmul_(x, number)  # in a single pass over memory
                continue
            if can_fuse(ts, xs):
                fused_add_scaled_(ts, xs, factor)
                continue
        if isinstance(factor, Tensor) or (double and factor != 1):
            torch._foreach_add_(ts, scaled(xs, factor))
        else:
            torch._foreach_add_(ts, xs, alpha=factor)


def can_fuse(targets: list[Tensor], tensors: list[Tensor]) -> bool:
    """Whether :func:`fused_add_scaled_` takes them, and is faster than several operations."""
    return all(
        t.is_cuda
        and t.is_floating_point()
        and t.dtype != torch.float64
        # Its kernel walks through the memory of both alike.
        and (t.dtype, t.stride()) == (x.dtype, x.stride())
        for t, x in zip(targets, tensors)
    )


def fused_add_scaled_(
    targets: list[Tensor], tensors: list[Tensor], factor: Tensor, skip: Tensor | None = None
) -> None:
    """``targets += factor * tensors`` in place in one kernel, that of PyTorch's fused SGD.

    Args:
        factor: of no dimensions, on their device.
        skip: nothing is added where it is true, whatever the numbers are; of no dimensions.
    """
    sgd(
        targets,
        tensors,
        [None] * len(targets),
        found_inf=None if skip is None else skip.float(),
        lr=factor.float(),
        maximize=True,
        fused=True,
        weight_decay=0.0,
        momentum=0.0,
        dampening=0.0,
        nesterov=False,
    )


def scaled(tensors: list[Tensor], factor: float | Tensor) -> list[Tensor]:
    """``factor * tensors`` of one device."""
    doubles = (torch.float64, torch.complex128)
    if isinstance(factor, Tensor) and any(t.dtype not in doubles for t in tensors):
        factor = factor.float()  # one type, or there is a kernel for each tensor
    return list(torch._foreach_mul(tensors, factor))


def blocks(tensors: list[Tensor]) -> Iterator[list[int]]:
    """Which tensors of one device and type to work on at a time, by their places in the list.

    On a CPU few enough elements to stay in the cache from one operation to the next; elsewhere so
    many that there are few kernels, but with a bound on the memory. A tensor larger than that is
    alone.
    """
    block: list[int] = []
    size = 0
    for i, t in enumerate(tensors):
        first = tensors[block[0]] if block else t
        largest = 2**16 if t.device.type == "cpu" else 2**25
        if block and (
            size + t.numel() > largest or (t.device, t.dtype) != (first.device, first.dtype)
        ):
            yield block
            block, size = [], 0
        block.append(i)
        size += t.numel()
    if block:
        yield block


def squares(tensors: list[Tensor]) -> Tensor:
    """The square of the Euclidean norm of each of n tensors; shape (n,), on the device."""
    return _sums(_squares, tensors)


def products(tensors: list[Tensor], others: list[Tensor]) -> Tensor:
    """The inner product of each of n tensors with another one; shape (n,), on the device."""
    return _sums(_products, tensors, others)


def _sums(function: Callable[..., Tensor], *lists: list[Tensor]) -> Tensor:
    """``function`` of lists of n tensors, in double precision where the device has it."""
    if not lists[0]:
        return torch.zeros(0)
    sums = _over_shards(function, *([as_real(t) for t in tensors] for tensors in lists))
    return sums if sums.device.type == "mps" else sums.double()


def _squares(tensors: list[Tensor]) -> Tensor:
    """The square of the Euclidean norm of each tensor."""
    dtype = _sum_dtype(tensors)
    if dtype == torch.float64:  # for comparisons, see add_scaled_
        return _stack([t.square().sum() for t in tensors])
    if _have_dot(tensors):
        return _products(tensors, tensors)
    return _stack(torch._foreach_norm(tensors, 2, dtype=dtype)).square()


def _products(tensors: list[Tensor], others: list[Tensor]) -> Tensor:
    """The inner product of each pair, one after the other, which saves memory."""
    pairs = list(zip(tensors, others))
    if _have_dot([*tensors, *others]):
        return torch.stack([torch.dot(_flat(t, t), _flat(other, t)) for t, other in pairs])
    dtype = _sum_dtype(tensors)
    return _stack([(t * other).sum(dtype=dtype) for t, other in pairs])


def _have_dot(tensors: list[Tensor]) -> bool:
    """Whether torch.dot, which is faster and more exact there, takes them."""
    return all(t.dtype == torch.float32 and t.device.type == "cpu" for t in tensors)


def _flat(tensor: Tensor, like: Tensor) -> Tensor:
    """Its elements in the order of ``like``'s memory; no copy where they lie together in it."""
    order = sorted(range(like.ndim), key=like.stride, reverse=True)
    return tensor.permute(order).reshape(-1)


def _stack(scalars: Sequence[Tensor]) -> Tensor:
    return torch.stack([s.to(scalars[0].device) for s in scalars])


def _sum_dtype(tensors: list[Tensor]) -> torch.dtype:
    """The type to sum in: at least float32."""
    return reduce(torch.promote_types, (t.dtype for t in tensors), torch.float32)


def as_real(tensor: Tensor) -> Tensor:
    """Complex numbers as pairs of real ones, which shares their memory."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def local(tensor: Tensor) -> Tensor:
    """The part of ``tensor`` that this process holds; shares its memory."""
    return tensor.to_local() if is_sharded(tensor) else tensor


def is_sharded(tensor: Tensor) -> TypeGuard[DTensor]:
    """Whether it is a DTensor (FSDP2, tensor parallelism)."""
    return hasattr(tensor, "placements")


def _over_shards(function: Callable[..., Tensor], *lists: list[Tensor]) -> Tensor:
    """``function`` of the tensors, summed over the processes that hold shards of them.

    Args:
        function: from lists of n tensors to a tensor of shape (n,): for each place a sum over the
            elements there.
        lists: plain tensors and DTensors may be mixed; the lists' tensors at one place are alike.

    Returns:
        Shape (n,): a number for each place, the same in all processes of its mesh.
    """
    kinds: dict[tuple | None, list[int]] = {}
    for i, t in enumerate(lists[0]):
        kind = (t.device_mesh, t.placements) if is_sharded(t) else None
        kinds.setdefault(kind, []).append(i)
    if list(kinds) == [None]:
        return function(*lists)
    sums: list[Tensor] = [torch.empty(0)] * len(lists[0])
    for kind, indices in kinds.items():
        total = function(*([local(tensors[i]) for i in indices] for tensors in lists))
        if kind is not None:
            from torch.distributed.tensor import DTensor, Partial, Replicate  # takes 2 s to import

            mesh, placements = kind
            whole = [Replicate() if p.is_replicate() else Partial() for p in placements]
            total = DTensor.from_local(total, mesh, whole, run_check=False).full_tensor()
        for i, value in zip(indices, total.unbind()):
            sums[i] = value
    return torch.stack(sums)
