"""Gaussian noise on the weights of a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm
from torch.nn.modules.conv import _ConvTransposeNd


@contextmanager
def noisy_weights(model: nn.Module, strength: float, seed: int) -> Iterator[None]:
    """Add noise to the weights; afterwards they are what they were, bit for bit.

    Of each filter w, the weights of one output, it is ``strength * |w| d / |d|`` with d from a
    normal distribution, so that its norm relative to the filter's is ``strength``: H. Li et al.,
    "Visualizing the Loss Landscape of Neural Nets", arXiv 1712.09913. Biases and the scales and
    shifts of norms, all parameters of fewer than two dimensions, stay as they are.

    Args:
        model: the network.
        strength: norm of the noise, relative to the filter's.
        seed: the same one draws the same noise on every device, and for every strength.
    """
    weights = list(filters(model))
    kept = [weight.detach().clone() for weight, _ in weights]
    generator = torch.Generator("cpu").manual_seed(seed)
    try:
        with torch.no_grad():
            for weight, dim in weights:
                drawn = torch.randn(weight.shape, generator=generator, device="cpu").to(weight)
                others = [d for d in range(weight.ndim) if d != dim]
                wanted, found = (vector_norm(t, dim=others, keepdim=True) for t in (weight, drawn))
                weight.add_(drawn * (strength * wanted / found))
        yield
    finally:
        with torch.no_grad():
            for (weight, _), value in zip(weights, kept):
                weight.copy_(value)


def filters(model: nn.Module) -> Iterator[tuple[Tensor, int]]:
    """Each parameter of two or more dimensions, and the dimension that counts its outputs."""
    found = set()
    for module in model.modules():
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
        for parameter in module._parameters.values():
            if parameter is not None and parameter.ndim > 1 and parameter not in found:
                found.add(parameter)
                yield parameter, dim
