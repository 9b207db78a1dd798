"""Fake quantization with the gradients that a paper defines, from three pure functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bsam_suite.quantization.compiled import Compiled
from bsam_suite.quantization.matrix import Rows


class StraightThrough:
    """A quantizer's formula: ``code * scale + offset`` forwards, straight-through backwards.

    The functions see values as a matrix (R, K) with a row for each quantization parameter,
    parameters as columns (R, 1), and ``bounds`` = [lowest code, highest code]. They are compiled,
    in place of autograd's own chain, so that a formula costs one pass over memory each way.
    A gradient of the gradient is autograd's derivative of ``backward``.

    Args:
        codes: ``codes(x, bounds, *parameters)``: integers between the bounds, as floats, (R, K).
        grid: ``grid(x, bounds, *parameters)``: scale and offset of the codes, (R, 1) each; an
            offset of None stands for 0.
        backward: ``backward(grad, x, bounds, *parameters, *constants)``: gradients of x, (R, K),
            and of each parameter, (R, 1) or None.
    """

    def __init__(self, codes: Callable, grid: Callable, backward: Callable) -> None:
        self.codes, self.grid = codes, grid

        def forward(x, bounds, *parameters):
            exact = x.to(bounds.dtype)  # under autocast x comes in half precision
            scale, offset = grid(exact, bounds, *parameters)
            value = codes(exact, bounds, *parameters) * scale
            return (value if offset is None else value + offset).to(x.dtype)

        def gradients(x, grad, bounds, *rest):
            exact = x.to(bounds.dtype)
            grad_x, *others = backward(grad.to(bounds.dtype), exact, bounds, *rest)
            return grad_x.to(x.dtype), *others

        self.forward, self.backward = Compiled(forward), Compiled(gradients)

    def __call__(
        self,
        x: Tensor,
        dim: int | None,
        bounds: Tensor,
        parameters: tuple[Tensor, ...] = (),
        constants: tuple[float, ...] = (),
    ) -> Tensor:
        """Fake-quantize ``x``, of any shape.

        Args:
            x: the values.
            dim: the dimension that has parameters of its own; None for one of the whole tensor.
            bounds: lowest and highest code, shape (2,).
            parameters: shape (R,) each.
            constants: handed to ``backward`` only.
        """
        return _Function.apply(self, x, dim, bounds, constants, *parameters)


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        formula: StraightThrough,
        x: Tensor,
        dim: int | None,
        bounds: Tensor,
        constants: tuple[float, ...],
        *parameters: Tensor,
    ) -> Tensor:
        rows = Rows(x, dim)
        ctx.formula, ctx.rows, ctx.bounds, ctx.constants = formula, rows, bounds, constants
        ctx.save_for_backward(x, *parameters)
        columns = [p.detach().view(-1, 1) for p in parameters]
        return rows.from_matrix(formula.forward(rows.to_matrix(x.detach()), bounds, *columns))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple:
        x, *parameters = ctx.saved_tensors
        matrix, columns = ctx.rows.to_matrix(x), [p.view(-1, 1) for p in parameters]
        # Only with create_graph=True is the gradient itself differentiated.
        run = ctx.formula.backward.plain if torch.is_grad_enabled() else ctx.formula.backward
        grad_x, *others = run(
            matrix, ctx.rows.to_matrix(grad), ctx.bounds, *columns, *ctx.constants
        )
        others = [None if g is None else g.reshape(p.shape) for g, p in zip(others, parameters)]
        return None, ctx.rows.from_matrix(grad_x), None, None, None, *others


def nearest(r: Tensor, bounds: Tensor) -> Tensor:
    """The codes next to ``r``, half to even, from ``bounds[0]`` to ``bounds[1]``."""
    return torch.round(torch.clamp(r, bounds[0], bounds[1]))


def magnitude(scale: Tensor) -> Tensor:
    """|scale|, never 0: the papers take a scale to be positive, an optimizer may carry it over."""
    return scale.abs().clamp_min(torch.finfo(scale.dtype).tiny)
