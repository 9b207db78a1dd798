"""Fake quantization with the gradients that a paper defines, from three pure functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bsam_suite.quantization.compiled import Compiled
from bsam_suite.quantization.matrix_view import MatrixView


class StraightThrough:
    """A quantizer's formula: ``code * scale + offset`` forwards, straight-through backwards.

    The functions see values as a matrix (R, K) with a row for each quantization parameter,
    parameters as columns (R, 1), and the lowest and the highest code. They are compiled, in
    place of autograd's own chain, so that a formula costs one pass over memory each way. A gradient
    of the gradient is autograd's derivative of ``backward``.

    Args:
        codes: ``codes(x, quant_min, quant_max, *parameters)``: integers of that range, as floats,
            (R, K).
        grid: ``grid(x, quant_min, quant_max, *parameters)``: scale and offset of the codes, (R, 1)
            each; an offset of None stands for 0.
        backward: ``backward(grad, x, quant_min, quant_max, *parameters, *constants)``: gradients of
            x, (R, K), and of each parameter, (R, 1) or None.
    """

    def __init__(self, codes: Callable, grid: Callable, backward: Callable) -> None:
        self.codes, self.grid = codes, grid

        def forward(x, quant_range, *parameters):
            exact = x.to(quant_range.dtype)  # under autocast x comes in half precision
            scale, offset = grid(exact, *quant_range.unbind(), *parameters)
            value = codes(exact, *quant_range.unbind(), *parameters) * scale
            return (value if offset is None else value + offset).to(x.dtype)

        def gradients(x, grad, quant_range, *rest):
            exact, grad = x.to(quant_range.dtype), grad.to(quant_range.dtype)
            grad_x, *others = backward(grad, exact, *quant_range.unbind(), *rest)
            return grad_x.to(x.dtype), *others

        self.forward, self.backward = Compiled(forward), Compiled(gradients)

    def __call__(
        self,
        x: Tensor,
        dim: int | None,
        quant_range: Tensor,
        parameters: tuple[Tensor, ...] = (),
        constants: tuple[float, ...] = (),
    ) -> Tensor:
        """Fake-quantize ``x``, of any shape.

        Args:
            x: the values.
            dim: the dimension that has parameters of its own; None for one of the whole tensor.
            quant_range: lowest and highest code, shape (2,).
            parameters: shape (R,) each.
            constants: handed to ``backward`` only.
        """
        return _Function.apply(self, x, dim, quant_range, constants, *parameters)


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        formula: StraightThrough,
        x: Tensor,
        dim: int | None,
        quant_range: Tensor,
        constants: tuple[float, ...],
        *parameters: Tensor,
    ) -> Tensor:
        view = MatrixView(x, dim)
        ctx.formula, ctx.view, ctx.quant_range, ctx.constants = (
            formula,
            view,
            quant_range,
            constants,
        )
        ctx.save_for_backward(x, *parameters)
        columns = [p.detach().view(-1, 1) for p in parameters]
        return view.from_matrix(formula.forward(view.to_matrix(x.detach()), quant_range, *columns))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple:
        x, *parameters = ctx.saved_tensors
        matrix, columns = ctx.view.to_matrix(x), [p.view(-1, 1) for p in parameters]
        # Only with create_graph=True is the gradient itself differentiated.
        run = ctx.formula.backward.plain if torch.is_grad_enabled() else ctx.formula.backward
        grad_x, *others = run(
            matrix, ctx.view.to_matrix(grad), ctx.quant_range, *columns, *ctx.constants
        )
        others = [None if g is None else g.reshape(p.shape) for g, p in zip(others, parameters)]
        return None, ctx.view.from_matrix(grad_x), None, None, None, *others


def round_clamp(r: Tensor, quant_min: Tensor, quant_max: Tensor) -> Tensor:
    """The codes next to ``r``, of its shape, half to even, from ``quant_min`` to ``quant_max``."""
    return torch.round(torch.clamp(r, quant_min, quant_max))


def magnitude(scale: Tensor) -> Tensor:
    """|scale|, never 0: the papers take a scale to be positive, an optimizer may carry it over."""
    return scale.abs().clamp_min(torch.finfo(scale.dtype).tiny)
