"""Common corruptions of images: noise, blur, a square that hides a part, contrast and brightness.

D. Hendrycks, T. Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and
Perturbations", arXiv 1903.12261. The severities here are relative to the image: to its shorter side
in pixels, or to the 255 grey levels. So they mean the same for images of 16 and of 256 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from bsam_suite.errors import InputError, brief
from bsam_suite.optional import need

GREY = 128
"""The value of what is hidden."""


def noise(images: Tensor, severity: float, generator: Generator) -> Tensor:
    """Gaussian noise with a standard deviation of ``255 * severity`` grey levels."""
    drawn = torch.randn(images.shape, generator=generator, device=generator.device)
    return _grey_levels(images + 255 * severity * drawn)


def blur(images: Tensor, severity: float, generator: Generator) -> Tensor:
    """Gaussian blur with a standard deviation of ``severity`` times the shorter side.

    The kernel ends at 4 standard deviations; at its borders an image is mirrored.
    """
    sigma = severity * min(images.shape[-2:])
    ndimage = need("scipy.ndimage", "compare")
    blurred = ndimage.gaussian_filter(images.float().numpy(), (0, 0, sigma, sigma), mode="mirror")
    return _grey_levels(torch.from_numpy(blurred))


def occlusion(images: Tensor, severity: float, generator: Generator) -> Tensor:
    """A grey square somewhere in each image, its side ``severity`` times the shorter one."""
    count, _, height, width = images.shape
    side = round(severity * min(height, width))

    def hidden(length: int) -> Tensor:
        device = generator.device
        start = torch.randint(length - side + 1, (count, 1), generator=generator, device=device)
        place = torch.arange(length, device=device)
        return (place >= start) & (place < start + side)

    rows, columns = hidden(height), hidden(width)
    return images.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], GREY)


def contrast(images: Tensor, severity: float, generator: Generator) -> Tensor:
    """``m + severity * (x - m)``, where m is the mean of the image's channel: 1 changes nothing."""
    values = images.float()
    return _grey_levels(torch.lerp(values.mean((2, 3), keepdim=True), values, severity))


def brightness(images: Tensor, severity: float, generator: Generator) -> Tensor:
    """All values raised by ``255 * severity`` grey levels."""
    return _grey_levels(images + 255 * severity)


CORRUPTIONS: dict[str, Callable[[Tensor, float, Generator], Tensor]] = {
    function.__name__: function for function in (noise, blur, occlusion, contrast, brightness)
}
"""Each takes (N, C, H, W) uint8 on the CPU, a severity from 0 to 1 and a generator."""


def corrupted(batch: Any, name: str, severity: float, generator: Generator) -> dict:
    """A batch as the data loader gives it, its images corrupted.

    Args:
        batch: a dict with ``inputs``: (N, C, H, W) uint8, or a list of (C, H, W) uint8.
        name: one of :data:`CORRUPTIONS`.
        severity: from 0 to 1.
        generator: of the CPU.

    Returns:
        A new dict with new ``inputs``; the rest is the same.

    Raises:
        InputError: there are no such images in the batch.
    """
    inputs: Any = batch.get("inputs") if isinstance(batch, Mapping) else None
    function = CORRUPTIONS[name]
    if _are_images(inputs, 4):
        return {**batch, "inputs": function(inputs, severity, generator)}
    if isinstance(inputs, (list, tuple)) and all(_are_images(image, 3) for image in inputs):
        images = [function(image[None], severity, generator)[0] for image in inputs]
        return {**batch, "inputs": images}
    found = f"inputs of type {_kind(inputs)}" if inputs is not None else f"a {_kind(batch)}"
    raise InputError(
        f"corruption {name}: a batch of val_dataloader has {found}, and needs images of 0 to 255 "
        "as inputs, (N, C, H, W) uint8 or a list of (C, H, W): let the data_preprocessor normalize "
        "them, or give RobustnessHook corruptions={}"
    )


def _grey_levels(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


def _are_images(value: object, dims: int) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.uint8 and value.ndim == dims


def _kind(value: object) -> str:
    if isinstance(value, (list, tuple)) and value:
        return f"{type(value).__name__} of {_kind(value[0])}"
    if isinstance(value, Mapping):
        return f"dict with {brief(sorted(map(str, value)))}"
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
