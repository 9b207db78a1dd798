"""Forms of sharpness: how far a weight may move, by its own size or by that of its filter.

A form gives each weight a scale T, and a displacement d has the length ``|d / T|``. The adaptive
ones do not change where the weights of one layer are multiplied by a number and those of the next
are divided by it, which leaves a network of ReLUs the same function. J. Kwon et al., "ASAM:
Adaptive Sharpness-Aware Minimization for Scale-Invariant Learning of Deep Neural Networks", arXiv
2102.11600, have both: by element, and by filter.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from bsam_suite.flatness.objective import Objective


def plain(objective: Objective) -> Tensor:
    """T = 1."""
    return torch.ones(objective.size, dtype=objective.dtype, device=objective.device)


def adaptive(objective: Objective) -> Tensor:
    """T = |w|, element by element. A weight of 0 stays in place."""
    return objective.weights().abs()


def filtered(objective: Objective) -> Tensor:
    """T = |f|, the norm of the filter f that a weight belongs to.

    A filter is what one output channel or neuron has: ``p[i]`` of a parameter p. Parameters of one
    dimension or none, such as biases, the weights of batch norm and step sizes, stay in place.
    """
    parts = objective.split(objective.weights())
    return torch.cat([_norms(part).expand_as(part).reshape(-1) for part in parts])


FORMS: dict[str, Callable[[Objective], Tensor]] = dict(
    plain=plain, adaptive=adaptive, filter=filtered
)


def noise(objective: Objective, form: str, generator: torch.Generator) -> Tensor:
    """Gaussian noise of the form, shape (P,).

    A standard normal number for each weight, times T. By filter it is scaled to the norm of the
    filter, as in H. Li et al., "Visualizing the Loss Landscape of Neural Nets", arXiv 1712.09913.

    Args:
        generator: of the CPU, so that all devices draw the same numbers.
    """
    kind = objective.dtype
    drawn = torch.randn(objective.size, generator=generator, dtype=kind, device="cpu")
    drawn = drawn.to(objective.device)
    if form == "filter":
        for part in objective.split(drawn):
            norms = _norms(part)
            part /= torch.where(norms > 0, norms, 1)
    return FORMS[form](objective) * drawn


def _norms(part: Tensor) -> Tensor:
    """The norms of the filters of a parameter, in a shape that broadcasts; 0 where it has none."""
    if part.ndim < 2:
        return torch.zeros_like(part)
    return part.flatten(1).norm(dim=1).view(-1, *[1] * (part.ndim - 1))
