"""Modules that end in more than one layer, such as one for x and one for y."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

#: Names of a module's last layers, patterns as in ``skip``, by its class. Subclasses inherit them.
LAST_LAYERS: dict[type[nn.Module], Sequence[str]] = {}


def registered_last_layers(model: nn.Module) -> list[str]:
    """What :data:`LAST_LAYERS` says of the modules of ``model``, as patterns of its own names."""
    return [
        f"{name}.{pattern}".lstrip(".")
        for name, module in model.named_modules()
        for kind in type(module).__mro__
        for pattern in LAST_LAYERS.get(kind, ())
    ]
