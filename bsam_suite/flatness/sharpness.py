"""Sharpness: how the loss changes within a radius of the weights.

Each takes the scale T of a form (:mod:`bsam_suite.flatness.forms`): displacements d have the length
``|d / T|``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bsam_suite.flatness.forms import noise
from bsam_suite.flatness.hessian import Estimate
from bsam_suite.flatness.objective import Objective


@dataclass
class Sharpness:
    """How the loss rises and falls within a radius.

    Attributes:
        max_sharpness: ``L(w_max) - L(w)``.
        min_sharpness: ``L(w) - L(w_min)``.
    """

    max_sharpness: float
    min_sharpness: float

    @property
    def flatness(self) -> float:
        """The flatness indicator of BSAM (arXiv 2409.13173): their sum, ``L(w_max) - L(w_min)``."""
        return self.max_sharpness + self.min_sharpness


def one_step(objective: Objective, rho: float, scale: Tensor) -> Sharpness:
    """At ``w + rho T^2 g / |T g|`` and ``w - rho T^2 g / |T g|``, as in a step of training.

    A gradient of 0 leads nowhere. Costs a gradient and two losses.
    """
    here, gradient = objective.gradient()
    step = scale * (rho * unit(scale * gradient))
    losses = []
    for displacement in (step, -step):
        with objective.moved(displacement):
            losses.append(objective.loss())
    return Sharpness(losses[0] - here, here - losses[1])


def extremes(objective: Objective, rho: float, scale: Tensor, steps: int = 20) -> Sharpness:
    """The worst and the best case: of all ``w + d`` with ``|d / T| <= rho``, as far as found.

    Projected gradient ascent and descent: from the best point so far a step along the gradient, at
    first of length rho; what leaves the ball is brought back to its surface. A point that is no
    better is given up, and the step is halved. The first point is that of :func:`one_step`, so that
    the worst case is at least as high as one step finds it. It is a lower bound of the true one.
    Costs ``2 steps + 1`` gradients.

    Args:
        objective: the loss at w.
        rho: the radius, in the form's units.
        scale: T of the form, of shape (P,); see :mod:`bsam_suite.flatness.forms`.
        steps: of the ascent, and as many of the descent.
    """
    here, gradient = objective.gradient()
    found = []
    for sign in (1, -1):
        # u = d / T, in which the ball is round.
        u, slope, best, length = torch.zeros_like(gradient), gradient, 0.0, rho
        for _ in range(steps):
            tried = u + sign * (length * unit(scale * slope))
            if (far := tried.norm().item()) > rho * (1 + 1e-6):  # not for rounding
                tried *= rho / far
            with objective.moved(scale * tried):
                loss, slope_there = objective.gradient()
            if sign * (loss - here) > best:
                u, slope, best = tried, slope_there, sign * (loss - here)
            else:
                length /= 2
        found.append(best)
    return Sharpness(*found)


def average(
    objective: Objective, sigma: float, form: str = "plain", draws: int = 10, seed: int = 0
) -> Estimate:
    """The mean of ``L(w + sigma z) - L(w)`` over Gaussian noise z of a form.

    M. Andriushchenko et al., "A Modern Look at the Relationship between Sharpness and
    Generalization", arXiv 2302.07011, compare it with the worst case. Costs ``draws + 1`` losses.

    Args:
        objective: the loss and the weights.
        sigma: of the noise.
        form: see :func:`noise`.
        draws: how many are drawn, at least 2.
        seed: of the noise, so that all networks of one architecture meet the same.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    here, rises = objective.loss(), []
    for _ in range(draws):
        with objective.moved(sigma * noise(objective, form, generator)):
            rises.append(objective.loss() - here)
    found = torch.tensor(rises, dtype=torch.float64)
    return Estimate(found.mean().item(), found.std().item() / math.sqrt(draws))


def unit(vector: Tensor) -> Tensor:
    """``vector`` at length 1; 0 where it is 0."""
    norm = vector.norm()
    return vector / torch.where(norm > 0, norm, torch.ones_like(norm))
