"""The fastest form of an ONNX file that answers as the quantized model does."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, lgamma, log, log1p
from typing import Any, NamedTuple

import numpy as np

from bsam_suite.quantization.onnx.export import in_form
from bsam_suite.quantization.onnx.integer_layers import bias_error, integer_layers, rounding_of
from bsam_suite.quantization.onnx.rounded_outputs import Seen


class Agreement(NamedTuple):
    """How many answers are the model's.

    Attributes:
        same: their number.
        total: of all answers.
        difference: the largest of an output, relative to that output's largest magnitude.
    """

    same: int
    total: int
    difference: float

    @property
    def limit(self) -> float:
        """Upper end of the share's 95% confidence interval.

        C. Clopper and E. Pearson, "The use of confidence or fiducial limits illustrated in the case
        of the binomial", Biometrika 26, 1934: the share with which so few equal answers, or fewer,
        come about in 2.5% of all cases.
        """
        others = self.total - self.same
        low, high = self.same / self.total, 1.0
        while others and high - low > 1e-9:
            share = (low + high) / 2
            if _at_least(others, self.total, 1 - share) > 0.025:
                low = share
            else:
                high = share
        return high

    def __str__(self) -> str:
        return (
            f"{self.same} of {self.total} argmaxes as in the model, largest difference "
            f"{self.difference:.2%}"
        )


def _at_least(k: int, n: int, p: float) -> float:
    """Probability of ``k`` or more in ``n`` trials of probability ``p``, k > 0."""
    if p <= 0:
        return 0.0
    logs = (
        lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) + i * log(p) + (n - i) * log1p(-p)
        for i in range(k)
    )
    return 1 - sum(map(exp, logs))


class Candidate(NamedTuple):
    """A form of a file.

    Attributes:
        form: "fast"; "mixed", of which some layers are as in "exact"; "exact" or "int4".
        graph: ``onnx.ModelProto``.
        agreement: with the model.
        exact: outputs of the layers that are as in "exact" although integer kernels could compute
            them.
    """

    form: str
    graph: Any
    agreement: Agreement
    exact: list[str]


def fastest(
    graph, seen: dict[str, Seen], agreement: Callable[[Any], Agreement], needed: float
) -> list[Candidate]:
    """The form "fast" if it agrees; else with as few layers as in "exact" as bisection finds.

    Layers are left out of the integer kernels in the order of the error that these add: the worst
    first.

    Args:
        seen: of :func:`bsam_suite.quantization.onnx.rounded_outputs.seen_outputs`.
        needed: share of equal answers that the confidence interval has to reach.

    Returns:
        What was tried last, which is "exact" if nothing agrees, and the form "fast" before it
        unless that is it.
    """

    def candidate(exact: list[str]) -> Candidate:
        made = in_form(graph, "fast", seen, exact)
        form = "mixed" if 0 < len(exact) < len(order) else "exact" if exact else "fast"
        return Candidate(form, made, agreement(made), exact)

    order = worst_first(graph, seen)
    fast = candidate([])
    if fast.agreement.limit >= needed or not order:
        return [fast]
    best = candidate(order)
    low, high = 0, len(order) if best.agreement.limit >= needed else 0
    while high - low > 1:
        middle = (low + high) // 2
        found = candidate(order[:middle])
        if found.agreement.limit >= needed:
            high, best = middle, found
        else:
            low = middle
    return [fast, best]


def worst_first(graph, seen: dict[str, Seen]) -> list[str]:
    """Outputs of the layers that integer kernels can compute, by the relative error they add.

    That of the int32 bias, and of rounding the output where the model does not, in mean square and
    as a part of the channel's; the mean over channels, each counting 1 at most.
    """
    errors = {}
    for layer in integer_layers(graph):
        name = layer.outputs[0].name
        if name in seen:
            error = bias_error(layer) ** 2
            if rounding_of(layer) is None:
                error = error + seen[name].step ** 2 / 12
            power = np.maximum(seen[name].power, error)
            errors[name] = float(np.mean(error / np.where(power > 0, power, 1)))
    return sorted(errors, key=errors.__getitem__, reverse=True)
