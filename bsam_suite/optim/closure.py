"""What a closure may do wrong, found in its first call."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.sharpness import Rule

WHOLE_BATCH = (
    "the closure is called once for each pass, so it has to make the whole gradient: zero it, run "
    "all micro-batches, backward each (docs/training.md, gradient accumulation)"
)


def loss_of(closure: Callable[[], object]) -> Tensor:
    """Call a closure and return its loss.

    Raises:
        InputError: it returns anything but a loss.
    """
    loss = closure()
    if not isinstance(loss, Tensor):
        raise InputError(
            f"the closure returned a {type(loss).__name__}: return the loss, a scalar tensor"
        )
    if loss.numel() != 1:
        raise InputError(
            f"the closure returned a tensor of shape {tuple(loss.shape)}: return the loss that it "
            "called backward on, a scalar tensor"
        )
    return loss.reshape(())


def check_accumulation() -> None:
    """Refuse gradient accumulation by Accelerate, which leaves closures out.

    Raises:
        InputError: ``gradient_accumulation_steps`` is not 1.
    """
    accelerate = sys.modules.get("accelerate.state")
    if accelerate is not None:
        steps = accelerate.GradientState().num_steps
        if steps > 1:
            raise InputError(
                f"gradient_accumulation_steps={steps} of Accelerate: it calls step(closure) for "
                f"the last micro-batch only, and {WHOLE_BATCH}. Leave it at 1"
            )


def check_auxiliary(rule: Rule, auxiliary: object) -> None:
    """Refuse a step without the auxiliary batch that ``rule`` asks for, or with one too many.

    Raises:
        InputError: likewise.
    """
    name = type(rule).__name__
    if rule.auxiliary and not callable(auxiliary):
        raise InputError(
            f"{name} needs the gradient of an auxiliary batch: give step(closure, auxiliary=...) a "
            "closure of other samples, a quarter as many (docs/training.md, an auxiliary batch)"
        )
    if auxiliary is not None and not rule.auxiliary:
        raise InputError(f"{name} needs no auxiliary batch: leave auxiliary=... out of step")


def mark_used(parameters: Iterable[Tensor]) -> None:
    """Tell the gradients that a step leaves behind from those that others bring."""
    for grad in _gradients(parameters):
        grad.used_as = grad._version  # type: ignore[attr-defined]  # of our own


@contextmanager
def checked_gradients(parameters: Sequence[Tensor]) -> Iterator[None]:
    """The closure's first call, inside, leaves its own gradient in ``p.grad`` and nothing else.

    Raises:
        InputError: gradients were there before which it did not zero, or it left none.
    """
    brought = [g for g in _gradients(parameters) if getattr(g, "used_as", None) != g._version]
    mark = None
    if any(g.count_nonzero() for g in brought):
        watch, grad = next((p, p.grad) for p in parameters if p.grad is not None)
        mark = watch.grad = torch.full_like(grad, torch.nan)
    else:
        for p in parameters:
            p.grad = None
    yield
    # It is there still, and NaN still, only where the closure zeroed nothing.
    if mark is not None and watch.grad is mark and mark.isnan().all():
        raise InputError(
            "gradients were there before step(closure), and the closure has added to them: call "
            "optimizer.zero_grad() at its start. If they are those of earlier micro-batches, as "
            f"with Lightning's accumulate_grad_batches: {WHOLE_BATCH}"
        )
    wanted = [p for p in parameters if p.requires_grad]
    if wanted and all(p.grad is None for p in wanted):
        raise InputError(
            "the closure left no gradient in the optimizer's parameters: call loss.backward() in "
            "it, of a loss of these parameters (a copied optimizer has copies of them)"
        )


def _gradients(parameters: Iterable[Tensor]) -> list[Tensor]:
    return [p.grad for p in parameters if p.grad is not None]
