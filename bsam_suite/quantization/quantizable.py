"""Which layers of a model hold weights, and which of them can be quantized."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from bsam_suite.errors import InputError

SUPPORTED = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, nn.MultiheadAttention)

#: Their weights never pass through a matrix product, or are too few to matter.
KEPT = (nn.Embedding, nn.EmbeddingBag, nn.PReLU, nn.LayerNorm, nn.RMSNorm, nn.GroupNorm)

REASONS = {
    nn.TransformerEncoderLayer: "in evaluation it hands its weights to one function",
    nn.RNNBase: "recurrent layers have no quantized counterpart",
    nn.RNNCellBase: "recurrent layers have no quantized counterpart",
}


def find_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Layers with weights that a quantized network would have at few bits, by name.

    These are layers that can be quantized, and layers like them that cannot: see
    :func:`check_supported`.
    """
    return {name: module for name, module in model.named_modules() if _holds_weights(module)}


def _holds_weights(module: nn.Module) -> bool:
    if isinstance(module, (*SUPPORTED, *REASONS)):
        return True
    weight = module._parameters.get("weight")
    return weight is not None and weight.ndim >= 2 and not isinstance(module, KEPT)


def weight_of(layer: nn.Module) -> nn.Parameter | None:
    """The weight that is quantized; None for a layer of another kind."""
    return getattr(layer, "in_proj_weight", getattr(layer, "weight", None))


def kind_of(layer: nn.Module) -> type[nn.Module]:
    """The class of ``layer`` in ``torch.nn``; its own where it differs from all of these."""
    kind = type(layer)
    if kind is NonDynamicallyQuantizableLinear:
        return nn.Linear
    # MMCV's classes differ from their bases on PyTorch below 1.5 only.
    return kind.__bases__[0] if kind.__module__ == "mmcv.cnn.bricks.wrappers" else kind


def check_supported(found: dict[str, nn.Module]) -> None:
    """Make sure that all layers in ``found`` can be quantized.

    Raises:
        InputError: names the layer, and why it cannot be.
    """
    for name, layer in found.items():
        reason = _reason(layer)
        if reason:
            raise InputError(
                f"{name or 'the model itself'} ({type(layer).__name__}) cannot be quantized: "
                f"{reason}. Leave it float: skip=[{name!r}]"
            )


def _reason(layer: nn.Module) -> str | None:
    for kind, reason in REASONS.items():
        if isinstance(layer, kind):
            return reason
    if isinstance(layer, nn.MultiheadAttention) and layer.in_proj_weight is None:
        return "query, key and value differ in width"
    if isinstance(layer, nn.MultiheadAttention) and (
        layer.bias_k is not None or layer.add_zero_attn
    ):
        return "add_bias_kv and add_zero_attn are not supported"
    if kind_of(layer) not in SUPPORTED:
        base = next((kind.__name__ for kind in SUPPORTED if isinstance(layer, kind)), None)
        if base:
            return f"it is a {base} of its own kind, whose forward may differ"
        return "this kind of layer has no quantized counterpart"
    if not any(weight_of(layer) is parameter for parameter in layer._parameters.values()):
        return "its weight is computed from other parameters (weight norm, spectral norm, ...)"
    return None


def channel_dims(layer: nn.Module) -> dict[str, tuple[int, int]]:
    """Number and dimension of the channels of a layer's weight (output) and activation (input)."""
    if isinstance(layer, nn.ConvTranspose2d):
        # With groups, output channel g * (out / groups) + i lies in column i of group g's rows:
        # one scale for all groups' column i.
        return {
            "weight": (layer.weight.shape[1], 1),
            "activation": (layer.in_channels, 1),
        }
    if isinstance(layer, nn.Conv2d):
        return {"weight": (layer.out_channels, 0), "activation": (layer.in_channels, 1)}
    if isinstance(layer, nn.MultiheadAttention):
        return {"weight": (3 * layer.embed_dim, 0), "activation": (layer.embed_dim, -1)}
    assert isinstance(layer, nn.Linear), "check_supported refuses all others"
    return {"weight": (layer.out_features, 0), "activation": (layer.in_features, -1)}
