"""Turn a float model into a quantized one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from mmengine.registry import MODELS
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.nearest import nearest
from bsam_suite.quantization import layers
from bsam_suite.quantization.attention import MultiheadAttention
from bsam_suite.quantization.fake_quantizers import DoReFaWeight, FakeQuantizer
from bsam_suite.quantization.fold_batch_norm import fold_batch_norms
from bsam_suite.quantization.last_layers import registered_last_layers
from bsam_suite.quantization.quantizable import (
    channel_dims,
    check_supported,
    find_layers,
    kind_of,
    weight_of,
)

QUANTIZED: dict[type[nn.Module], type[layers.QuantizedLayer]] = {
    nn.Conv2d: layers.Conv2d,
    nn.ConvTranspose2d: layers.ConvTranspose2d,
    nn.Linear: layers.Linear,
    nn.MultiheadAttention: MultiheadAttention,
}


def quantize(
    model: nn.Module,
    weight: dict,
    activation: dict | None = None,
    skip: Sequence[str] = (),
    first_last_bit_width: int | None = 8,
    last: Sequence[str] = (),
    fold_batch_norm: bool = False,
    perturb_rounded: bool = False,
) -> nn.Module:
    """A copy of ``model`` in which convolutions and linear layers are quantized.

    Weights are calibrated; activations are by :func:`bsam_suite.quantization.calibrate`.

    Args:
        model: a float model, with the weights to start from. It stays as it is.
        weight: config of the weights' quantizer: ``type``, ``bit_width`` and the quantizer's
            other arguments; ``per_channel=True`` for a scale of each output channel.
        activation: likewise for the layers' inputs; None leaves them in float.
        skip: names of layers, or of modules with all that is in them, that stay float. Shell
            patterns such as ``"head.*"``.
        first_last_bit_width: bits of weights and inputs of the first and of the last layer, in the
            order in which the model registers them. None: as all others.
        last: names of the last layers, as in ``skip``. None given: those that
            :data:`bsam_suite.quantization.LAST_LAYERS` names, or else the one registered last.
        fold_batch_norm: first fold batch norms into the quantized layers right before them: see
            :func:`bsam_suite.quantization.fold_batch_norm.fold_batch_norms`.
        perturb_rounded: let sharpness-aware rules perturb the rounded weights, Q(w) + e, instead of
            the weights before rounding, Q(w + e).

    Raises:
        InputError: an unusable value, a pattern that matches no layer, or a layer that cannot be
            quantized.

    Example:
        >>> quantized = quantize(
        ...     resnet18(),
        ...     weight=dict(type='LSQ', bit_width=4, per_channel=True),
        ...     activation=dict(type='LSQ', bit_width=4),
        ... )
    """
    _check_config("weight", weight)
    if activation is not None:
        _check_config("activation", activation)
    if fold_batch_norm and _class(weight) is DoReFaWeight:
        raise InputError(
            "fold_batch_norm=True with DoReFaWeight: it scales each layer's weights to [-1, 1], "
            "which only a batch norm takes back; set it to False or choose LSQ"
        )
    _check_first_last(first_last_bit_width, weight, activation)
    if any(isinstance(module, FakeQuantizer) for module in model.modules()):
        raise InputError(f"{type(model).__name__} is quantized already: give the float model")
    found = find_layers(model)
    _check_patterns("skip", skip, found)
    _check_patterns("last", last, found)
    chosen = {name: layer for name, layer in found.items() if not _matches(name, skip)}
    check_supported(chosen)
    if not chosen:
        raise InputError(f"{type(model).__name__} has no layer left to quantize, skip={skip!r}")
    ends = set()
    if first_last_bit_width is not None:
        last = last or registered_last_layers(model) or list(found)[-1:]
        ends = {name for name in found if _matches(name, last)}
        ends.add(list(found)[0])

    model = copy.deepcopy(model)
    if fold_batch_norm:
        fold_batch_norms(model, chosen)
    modules = dict(model.named_modules())
    for name in chosen:
        changes = {"bit_width": first_last_bit_width} if name in ends else {}
        _quantize_layer(name, modules[name], weight, activation, changes)
        modules[name].weight_quantizer.perturb_rounded = perturb_rounded
    return model


class LayerBits(NamedTuple):
    """How a layer of a model is quantized. 32 bits stand for float."""

    name: str
    kind: str
    weights: int
    weight_bits: int
    activation_bits: int


def layer_bits(model: nn.Module) -> list[LayerBits]:
    """All layers of a model that hold weights, float ones included, in order of registration."""
    table = []
    for name, layer in find_layers(model).items():
        weight, bits = weight_of(layer), []
        for attribute in ("weight_quantizer", "input_quantizer"):
            bits.append(getattr(getattr(layer, attribute, None), "bit_width", 32))
        count = 0 if weight is None else weight.numel()
        table.append(LayerBits(name, type(layer).__name__, count, *bits))
    return table


def _quantize_layer(
    name: str, layer: nn.Module, weight: dict, activation: dict | None, changes: dict
) -> None:
    dims, values = channel_dims(layer), weight_of(layer)
    assert values is not None, "check_supported refuses layers without"
    built: dict[str, Any] = {}
    for kind, config in (("weight", weight), ("activation", activation)):
        if config is None:
            built[kind] = nn.Identity()
            continue
        channels, dim = dims[kind]
        arguments = {k: v for k, v in config.items() if k not in ("type", "per_channel")}
        if config.get("per_channel"):
            arguments.update(channels=channels, dim=dim)
        quantizer = _class(config)(**(arguments | changes), kind=kind)
        quantizer.name = f"{name}.{'weight' if kind == 'weight' else 'input'}_quantizer".lstrip(".")
        built[kind] = quantizer.to(values.device, values.dtype).train(layer.training)
    built["weight"].initialize(values)
    QUANTIZED[kind_of(layer)].from_float(layer, built["weight"], built["activation"])


def _class(config: dict) -> type[FakeQuantizer]:
    return MODELS.get(config["type"]) if isinstance(config["type"], str) else config["type"]


def quantizer_types(kind: str) -> list[str]:
    """Names of all quantizers for ``"weight"`` or for ``"activation"``."""
    return sorted(
        name
        for name, entry in MODELS.module_dict.items()
        if isinstance(entry, type) and issubclass(entry, FakeQuantizer) and kind in entry.kinds
    )


def _check_config(kind: str, config: dict) -> None:
    if not isinstance(config, dict) or "type" not in config or "bit_width" not in config:
        raise InputError(
            f"{kind}={config!r}: give a dict with type and bit_width, such as "
            "dict(type='LSQ', bit_width=4)"
        )
    found = _class(config)
    if not (isinstance(found, type) and issubclass(found, FakeQuantizer)):
        names = quantizer_types(kind)
        raise InputError(f"{kind}: type={config['type']!r} is no quantizer: give one of {names}")
    if not isinstance(config.get("per_channel", False), bool):
        raise InputError(f"{kind}: per_channel={config['per_channel']!r}: give True or False")
    given = {k: v for k, v in config.items() if k not in ("type", "per_channel")}
    fixed = sorted(given.keys() & {"kind", "channels", "dim"})
    if fixed:
        raise InputError(f"{kind}: leave {', '.join(fixed)} out, each layer sets it")
    try:
        found(**given, kind=kind)
    except TypeError as error:  # a misspelt argument; the base class names itself in it
        raise InputError(f"{kind}: {found.__name__} cannot be built: {error}") from error
    except InputError as error:
        raise InputError(f"{kind}: {error}") from error


def _check_first_last(bit_width: int | None, weight: dict, activation: dict | None) -> None:
    if bit_width is None:
        return
    for kind, config in (("weight", weight), ("activation", activation)):
        if config is not None:
            try:
                _check_config(kind, {**config, "bit_width": bit_width})
            except InputError as error:
                raise InputError(f"first_last_bit_width={bit_width!r}: {error}") from error


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, p) or fnmatchcase(name, p + ".*") for p in patterns)


def _check_patterns(argument: str, patterns: Sequence[str], found: dict[str, nn.Module]) -> None:
    if isinstance(patterns, str):
        raise InputError(f"{argument}={patterns!r}: give a list of patterns, [{patterns!r}]")
    for pattern in patterns:
        if not any(_matches(name, [pattern]) for name in found):
            close = nearest(pattern, found, cutoff=0)
            raise InputError(
                f"{argument}: pattern {pattern!r} matches no layer; a layer is called, e.g., "
                f"{close!r}"
                if close
                else f"{argument}: pattern {pattern!r}: the model has no layers"
            )
