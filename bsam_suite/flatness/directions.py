"""Random directions in the space of the weights, normalised filter by filter."""

from __future__ import annotations

import torch
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.flatness.forms import noise
from bsam_suite.flatness.objective import Objective


def random_directions(objective: Objective, count: int, seed: int) -> list[Tensor]:
    """Directions of Gaussian chance, each filter of which has the norm of the weights' filter.

    What is random is the unit direction of each filter, so that networks of one architecture get
    the same ones from one seed. If a layer's weights are multiplied by a factor, so is its part of
    the direction. Where such factors do not change the network (ReLU, the next layer divided by the
    factor), they do not change its loss surface.

    Biases, the weights of norm layers and all other parameters of one dimension stay where they
    are. So do those in the code of the pictures of Li et al. It is disputed, as training moves
    them. But a single number has no direction, and its own norm is no measure of how far it may
    move: a bias of 0 would not move at all.

    Source: Li et al. 2018, Visualizing the Loss Landscape of Neural Nets, arXiv 1712.09913,
    section 4.

    Args:
        objective: its weights are where the directions start.
        count: how many directions.
        seed: of the chance, the same on all devices.

    Returns:
        Vectors of shape (P,).

    Raises:
        InputError: the model has no filters.
    """
    if all(weight.dim() < 2 for weight in objective.params):
        raise InputError(
            "the model has no filters, only parameters of one dimension, which filter-normalised "
            "directions do not move: take others"
        )
    generator = torch.Generator("cpu").manual_seed(seed)
    return [noise(objective, "filter", generator) for _ in range(count)]
