"""A tensor as a matrix with one row for each quantization parameter."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor


class MatrixView:
    """Shows tensors of one shape as (R, K) matrices and turns such matrices back.

    Kernels that only ever see contiguous matrices are compiled once for tensors of every rank and
    memory format; for dense tensors (contiguous, channels-last) the matrix is a view.

    Args:
        x: sets shape and memory order.
        dim: the dimension of channels, whose size is R; None makes a single row.
    """

    def __init__(self, x: Tensor, dim: int | None) -> None:
        self.order = _by_stride(x.stride())
        rows = 1
        if dim is not None:
            dim %= x.ndim
            rows = x.shape[dim]
            self.order.remove(dim)
            self.order.insert(0, dim)
        self.permuted = [x.shape[i] for i in self.order]
        self.shape = (rows, prod(self.permuted) // rows if rows else 0)
        self.inverse = sorted(range(x.ndim), key=lambda i: self.order[i])

    def to_matrix(self, x: Tensor) -> Tensor:
        """``x``, of the shape given at construction, as (R, K)."""
        return x.permute(self.order).reshape(self.shape)

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """A matrix (R, K) in the shape and memory order given at construction."""
        return matrix.view(self.permuted).permute(self.inverse)


def _by_stride(stride: Sequence[int]) -> list[int]:
    """The dimensions, that of the largest stride first; equal ones as they stand.

    ``sorted`` with a key cannot be compiled where the sizes of tensors are symbols.
    """
    order: list[int] = []
    for i in range(len(stride)):
        place = i
        while place and stride[order[place - 1]] < stride[i]:
            place -= 1
        order.insert(place, i)
    return order


def to_matrix(x: Tensor, dim: int | None) -> Tensor:
    """``x`` as (R, K): see :class:`MatrixView`."""
    return MatrixView(x, dim).to_matrix(x)
