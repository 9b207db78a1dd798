"""Random directions in the space of the weights, normalised filter by filter."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def random_directions(weights: Sequence[Tensor], count: int, seed: int) -> list[Tensor]:
    """Directions of Gaussian chance, each filter of which has the norm of the weights' filter.

    A filter is a slice of the first dimension. What is random is its unit direction, drawn on the
    CPU whatever the weights are. So networks of one architecture get the same unit directions from
    one seed. If a layer's weights are multiplied by a factor, so is its part of the direction.
    Where such factors do not change the network (ReLU, the next layer divided by the factor), they
    do not change its loss surface.

    Parameters of fewer than two dimensions stay where they are, with a direction of 0: biases, the
    weights of norm layers, the step sizes of quantizers. So do Li et al. in the code of their
    pictures. It is disputed, as training moves them. But a single number has no direction, and its
    own norm is no measure of how far it may move: a bias of 0 would not move at all.

    Source: Li et al. 2018, Visualizing the Loss Landscape of Neural Nets, arXiv 1712.09913,
    section 4.

    Args:
        weights: the parameters where the directions start.
        count: how many directions.
        seed: of the chance.

    Returns:
        Flat vectors of shape (P,), P the number of weights, of their type and on their device.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    return [
        torch.cat([_random(weight.detach(), generator).reshape(-1) for weight in weights])
        for _ in range(count)
    ]


def filter_norms(weight: Tensor) -> Tensor:
    """The norm of each slice of the first dimension, in a shape that divides ``weight``."""
    return weight.flatten(1).norm(dim=1).view(-1, *[1] * (weight.dim() - 1))


def _random(weight: Tensor, generator: torch.Generator) -> Tensor:
    if weight.dim() < 2:
        return torch.zeros_like(weight)
    noise = torch.empty(weight.shape, dtype=torch.float32, device="cpu")
    noise = noise.normal_(generator=generator).to(weight)
    return noise * (filter_norms(weight) / filter_norms(noise))
