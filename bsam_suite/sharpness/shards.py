"""Sums over tensors of which each process may hold a shard only (FSDP2, tensor parallelism)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def local(tensor: Tensor) -> Tensor:
    """The part of ``tensor`` that this process holds; shares its memory."""
    return tensor.to_local() if is_sharded(tensor) else tensor


def is_sharded(tensor: Tensor) -> bool:
    """Whether it is a DTensor."""
    return hasattr(tensor, "placements")


def sums_over_shards(
    tensors: list[Tensor], function: Callable[[list[Tensor]], Tensor]
) -> list[float]:
    """``function`` of the tensors, summed over the processes that hold shards of them.

    Args:
        tensors: plain ones and DTensors may be mixed.
        function: from n tensors to a tensor of shape (n,): for each a sum over its elements.

    Returns:
        A number for each tensor, the same in all processes of its mesh.
    """
    kinds: dict[tuple | None, list[int]] = {}
    for i, t in enumerate(tensors):
        kind = (t.device_mesh, t.placements) if is_sharded(t) else None
        kinds.setdefault(kind, []).append(i)
    sums = [0.0] * len(tensors)
    for kind, indices in kinds.items():
        chosen = [tensors[i] for i in indices]
        if kind is None:
            total = function(chosen)
        else:
            from torch.distributed.tensor import DTensor, Partial, Replicate  # takes 2 s to import

            mesh, placements = kind
            whole = [Replicate() if p.is_replicate() else Partial() for p in placements]
            total = function([t.to_local() for t in chosen])
            total = DTensor.from_local(total, mesh, whole, run_check=False).full_tensor()
        for i, value in zip(indices, total.tolist()):
            sums[i] = value
    return sums
