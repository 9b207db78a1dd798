"""The points that one step visits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext

import torch
from torch import Tensor

from bsam_suite.sharpness.context import RuleContext
from bsam_suite.sharpness.rule import ONE_IN, Along, Auxiliary, Here, Rule
from bsam_suite.sharpness.vector import Vector
from bsam_suite.sharpness.weights import Weights, perturbing, set_gradient, take_gradient


class Found:
    """What the parts of a batch have given, each perturbed along its own gradient: the means.

    Args:
        gradient: the rule's, of the first part.
        losses: by the points' names.
        finite: whether all gradients are, on the device.
        kept: what the rule keeps, by name.
    """

    def __init__(
        self,
        gradient: Vector,
        losses: dict[str, Tensor],
        finite: Tensor,
        kept: dict[str, Vector | Tensor],
    ) -> None:
        self.parts, self.gradient, self.finite = 1, gradient, finite
        self.losses, self.kept = losses, kept

    @torch.no_grad()
    def add(self, other: Found) -> Found:
        """Take in a further part, and return self."""
        self.parts += other.parts
        share = other.parts / self.parts
        self.gradient.mul_(1 - share).add_(other.gradient, alpha=share)
        self.finite = self.finite & other.finite
        means: list[tuple[dict, dict]] = [(self.losses, other.losses), (self.kept, other.kept)]
        for mine, theirs in means:
            mine.update({k: v * (1 - share) + theirs[k] * share for k, v in mine.items()})
        return self


class Visits:
    """The points of one step, as the rule's formula asks for them one after the other.

    Args:
        rule: the formula.
        h: what it reads.
        weights: they are moved to the points.

    Attributes:
        further: whether points may follow after the first. Known before the first pass.
    """

    def __init__(self, rule: Rule, h: RuleContext, weights: Weights) -> None:
        self._rule, self._weights = rule, weights
        self._formula, radii = rule.gradient(h), rule.radii(h)
        self._first = next(self._formula)
        if not isinstance(self._first, (Here, Along)):
            raise TypeError(
                f"{type(rule).__name__}.gradient has to begin with yield Here() or Along(...)"
            )
        zero = [radius.all_zero for radius in radii]
        self.further, self._leaves_out = not all(zero), any(zero)

    def go_to_first(self) -> None:
        """Move the weights to where the first pass is made."""
        if isinstance(self._first, Along):
            self._weights.move(self._first)

    @torch.no_grad()
    def follow(
        self, loss: Tensor, repeat: Callable[[bool], Tensor]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Visit the further points, and leave the rule's gradient in ``p.grad``.

        The weights are back at w then; only a rule that declares it leaves them at its last point.
        When a gradient is not finite all points are visited still: other processes may wait there.

        Args:
            loss: of the first pass, whose gradient is in ``p.grad``.
            repeat: makes the pass again, over the auxiliary batch or not, and returns its loss.

        Returns:
            The losses by the points' names; whether all gradients are finite.
        """
        params, losses = self._weights.params, {"loss": loss.detach().clone()}
        gradient = take_gradient(params)
        finite = gradient.norm().isfinite()
        first = gradient.again() if self._leaves_out else None
        try:
            while True:
                point = self._formula.send(gradient)
                assert not isinstance(point, Here), "Here() may be the first point alone"
                away = isinstance(point, Along)
                if first is not None and isinstance(point, Along) and point.rho.all_zero:
                    gradient = first.again()
                    continue
                self._check_expected(point)
                name = point.name
                if isinstance(point, Along):
                    self._weights.move(point)
                else:
                    self._weights.restore()
                del point, gradient  # and with them a direction that nobody else needs
                torch.clear_autocast_cache()  # it holds the weights of the pass before
                with torch.enable_grad(), perturbing() if away else nullcontext():
                    losses[name] = repeat(not away)
                gradient = take_gradient(params)
                finite = finite & gradient.norm().isfinite()
        except StopIteration as stop:
            gradient = stop.value
        self._weights.restore(unless=finite if self._rule.stays_at_last_point else None)
        set_gradient(params, gradient)
        return losses, finite

    def _check_expected(self, point: Along | Auxiliary) -> None:
        name = type(self._rule).__name__
        if isinstance(point, Auxiliary) and not self._rule.auxiliary:
            raise TypeError(
                f"{name}.gradient asks for an auxiliary batch: write auxiliary = True in {name}"
            )
        if not self.further:
            raise TypeError(
                f"{name}.gradient visits {point.name!r} in a step for which {name}.radii tells of "
                "no radius but 0: write radii, or let the radius's name begin with rho"
            )


def count_passes(losses: Mapping[str, Tensor]) -> float:
    """The passes of a step with these losses, over all the data that it was given."""
    if Auxiliary.name not in losses:
        return len(losses)
    return ((ONE_IN - 1) * (len(losses) - 1) + 1) / ONE_IN
