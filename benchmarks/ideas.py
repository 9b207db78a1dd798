"""Other forms of BSAM at 1 + 1/k passes, which were tried and are not in the suite.

``wrong_labels.py`` and ``directions.py`` take their names. Any config is trained with one by

    python benchmarks/ideas.py configs/pose/hrnet_adam.py --rule DecayedBSAM beta=0.7
"""

from __future__ import annotations

import torch
from torch import Tensor

from bsam_suite.commands import train
from bsam_suite.engine.registry import RULES
from bsam_suite.sharpness.context import RuleContext
from bsam_suite.sharpness.rule import Here, Walk
from bsam_suite.sharpness.rules import BSAM
from bsam_suite.sharpness.vector import Vector, ratio


class Idea(BSAM):
    """BSAM with ``k`` as a frame: what a step keeps and what the steps between make of it.

    Args:
        **kwargs: as BSAM.
    """

    def __init__(self, k: int = 5, **kwargs) -> None:
        super().__init__(k=k, **kwargs)

    def each_kth(self, h: RuleContext) -> Walk:
        g = yield Here()
        if not self.refreshes(h):
            return self.between(h, g, h.memory[self.reuses].within(g))
        g_max = yield self.point(h, g, h.rho, "loss_max")
        a, v = self.split(h, g, g_max)
        kept = self.combine(h, g, v)
        h.memory[self.reuses], h.memory["bsam_norm"] = kept, g.norm()
        h.memory["bsam_parallel"] = a * g.norm()
        return g * (1 + a) + (kept if self.steps_along_kept else v)

    steps_along_kept = False

    def split(self, h: RuleContext, g: Vector, g_max: Vector) -> tuple[Tensor, Vector]:
        """``a`` and ``v`` of ``step - g = a g + v``, from two passes."""
        q = sum(self.downwards(h)) / sum(h.rho)
        g_min = g * (1 + q) + g_max * -q
        added = g_max + g_min * -ratio(g_max.norm(), g_min.norm())
        a = ratio(added.dot(g), g.norm() ** 2)
        return a, added + g * -a

    def combine(self, h: RuleContext, g: Vector, v: Vector) -> Vector:
        """What is kept of a new v."""
        return v

    def shrunk(self, h: RuleContext, g: Vector) -> tuple[Tensor, Tensor]:
        """``a`` and the factor of v in the steps between, as in the suite."""
        norm = h.memory.number("bsam_norm")
        return ratio(h.memory.number("bsam_parallel"), norm), ratio(g.norm(), norm).clamp(max=1)

    def between(self, h: RuleContext, g: Vector, v: Vector) -> Vector:
        a, factor = self.shrunk(h, g)
        return g * (1 + a) + v * factor


@RULES.register_module()
class AveragedBSAM(Idea):
    """v averaged over the visits, each over its |g|: ``beta`` of the old, the rest of the new."""

    def __init__(self, beta: float = 0.5, too: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.beta, self.steps_along_kept = beta, too

    def combine(self, h: RuleContext, g: Vector, v: Vector) -> Vector:
        if self.reuses not in h.memory:
            return v
        scale = ratio(g.norm(), h.memory.number("bsam_norm"))
        return v * (1 - self.beta) + h.memory[self.reuses].within(v) * (scale * self.beta)


@RULES.register_module()
class DecayedBSAM(Idea):
    """v times ``beta`` once more in each step."""

    def __init__(self, beta: float = 0.7, **kwargs) -> None:
        super().__init__(**kwargs)
        self.beta = beta

    def between(self, h: RuleContext, g: Vector, v: Vector) -> Vector:
        a, factor = self.shrunk(h, g)
        return g * (1 + a) + v * (factor * self.beta ** (h.step % self.k))


@RULES.register_module()
class OrthogonalBSAM(Idea):
    """v at right angles to the gradient of each step, too."""

    def between(self, h: RuleContext, g: Vector, v: Vector) -> Vector:
        a, factor = self.shrunk(h, g)
        along = ratio(v.dot(g), g.norm() ** 2)
        return g * (1 + a - along * factor) + v * factor


@RULES.register_module()
class BoundedBSAM(Idea):
    """a g is never longer than at the visit, as v is."""

    def between(self, h: RuleContext, g: Vector, v: Vector) -> Vector:
        a, factor = self.shrunk(h, g)
        bound = ratio(h.memory.number("bsam_norm"), g.norm()).clamp(max=1)
        return g * (1 + a * bound) + v * factor


@RULES.register_module()
class LayerwiseBSAM(Idea):
    """A factor of v for each parameter: its own |g| over its |g| at the visit, at most 1."""

    def combine(self, h: RuleContext, g: Vector, v: Vector) -> Vector:
        h.memory["bsam_visited"] = g.map(lambda t: t.norm())
        return v

    def between(self, h: RuleContext, g: Vector, v: Vector) -> Vector:
        a, _ = self.shrunk(h, g)
        norms = h.memory["bsam_visited"]
        parts = zip(g.groups, v.groups, norms.groups)
        scaled = Vector(
            [None if t is None else u * ratio(t.norm(), n).clamp(max=1) for t, u, n in zip(*part)]
            for part in parts
        )
        return g * (1 + a) + scaled


@RULES.register_module()
class TurnedBSAM(Idea):
    """A new visit where the gradient has turned: its cosine to that of the visit is below ``turn``.

    The cosine is that of the step before, as a device would have it, and no stretch is longer than
    k; ``passes`` tells what it costs.
    """

    def __init__(self, turn: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.turn, self.turned, self.since = turn, False, 0

    def refreshes(self, h: RuleContext) -> bool:
        return self.reuses not in h.memory or self.turned or self.since >= self.k

    def each_kth(self, h: RuleContext) -> Walk:
        step = yield from super().each_kth(h)
        self.since += 1
        return step

    def combine(self, h: RuleContext, g: Vector, v: Vector) -> Vector:
        h.memory["bsam_gradient"] = g.map(torch.clone)
        self.turned, self.since = False, 0
        return v

    def between(self, h: RuleContext, g: Vector, v: Vector) -> Vector:
        visited = h.memory["bsam_gradient"].within(g)
        self.turned = bool(ratio(g.dot(visited), g.norm() * visited.norm()) < self.turn)
        return super().between(h, g, v)


@RULES.register_module()
class SecantBSAM(Idea):
    """v from the last two gradients, no further pass: ``H s ~ g - g_before``, s the last step.

    Averaged with ``beta``, since both gradients are of batches of their own. Along -s instead of
    along g, which momentum makes alike.
    """

    def __init__(self, beta: float = 0.9, **kwargs) -> None:
        super().__init__(**kwargs)
        self.beta = beta

    def refreshes(self, h: RuleContext) -> bool:
        return False

    def each_kth(self, h: RuleContext) -> Walk:
        g = yield Here()
        w = h.w.map(torch.clone)
        new = dict(gradient=g.map(torch.clone), weights=w)
        v = None
        if "bsam_weights" in h.memory:
            s = h.memory["bsam_weights"] - w
            bent = h.memory["bsam_gradient"] - g
            u = bent * ratio(sum(h.rho) + sum(self.downwards(h)), s.norm())
            u = u + g * -ratio(u.dot(g), g.norm() ** 2)
            v = u * (1 - self.beta)
            if self.reuses in h.memory:
                v = v + h.memory[self.reuses] * self.beta
            h.memory[self.reuses] = v
        for name, value in new.items():
            h.memory[f"bsam_{name}"] = value
        return g if v is None else g + v


if __name__ == "__main__":
    train()
