"""What stands where a batch norm was folded, and sees in forward passes that folding was right."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from bsam_suite.errors import InputError

#: What code asks of a tensor without taking its values.
ABOUT = (torch.Size, torch.dtype, torch.device, torch.layout, bool, int, str, tuple)


class Reserved(Tensor):
    """A folded layer's output or weight: only the batch norm's stand-in or the layer may take it.

    Attributes:
        what: "output" or "weight".

    Raises:
        InputError: anything else computes with it.
    """

    original: Tensor
    names: tuple[str, str]
    what: str

    @classmethod
    def of(cls, original: Tensor, names: tuple[str, str], what: str) -> Reserved:
        reserved = original.as_subclass(cls)
        reserved.original, reserved.names, reserved.what = original, names, what
        return reserved

    def refused(self) -> InputError:
        layer, norm = self.names
        return InputError(
            f"{norm} cannot be folded into {layer}, whose {self.what} is used elsewhere, too: set "
            f"fold_batch_norm=False, or leave {layer} float, skip=[{layer!r}]"
        )

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **(kwargs or {}))
        if isinstance(result, ABOUT) and not _tensors(result):
            return result
        raise next(x for x in _tensors((args, kwargs)) if isinstance(x, cls)).refused()


class FoldedBatchNorm(nn.Module):
    """Stands where a batch norm was that is now part of the layer before it: changes nothing."""

    def __init__(self, layer: nn.Module, names: tuple[str, str]) -> None:
        super().__init__()
        self.names = names
        # A batch norm's channels are in dimension 1, a linear layer's features in the last.
        self.ndim = 2 if isinstance(layer, nn.Linear) else 4
        self._unseen_modes = {True, False}
        self._weight: Any = None  # Reserved, as the rest of the model sees it in a forward
        layer.register_forward_pre_hook(self._before_layer)
        layer.register_forward_hook(self._after_layer)

    def reserve_weight(self, layer: nn.Module, training: bool) -> None:
        """Let nothing but the layer take its weight, in the first forward of each mode."""
        weight = layer._parameters["weight"]
        if training in self._unseen_modes and type(weight) is nn.Parameter:
            self._weight = Reserved.of(weight, self.names, "weight")
            layer._parameters["weight"] = self._weight

    def return_weight(self, layer: nn.Module, training: bool, whole: bool) -> None:
        """Undo :meth:`reserve_weight`; ``whole`` says that the forward came to its end."""
        if self._weight is not None:
            layer._parameters["weight"] = self._weight.original
            self._weight = None
        if whole:
            self._unseen_modes.discard(training)

    def _before_layer(self, layer: nn.Module, args: tuple) -> None:
        if self._weight is not None:
            layer._parameters["weight"] = self._weight.original

    def _after_layer(self, layer: nn.Module, args: tuple, output: Tensor) -> Tensor | None:
        if self._weight is not None:
            layer._parameters["weight"] = self._weight
        plain = type(output) is Tensor and _can_watch()
        return Reserved.of(output, self.names, "output") if plain else None

    def forward(self, x: Tensor) -> Tensor:
        """``x``.

        Raises:
            InputError: ``x`` does not come from the layer before, or its channels are elsewhere.
        """
        layer, norm = self.names
        if isinstance(x, Tensor) and x.ndim != self.ndim:
            raise InputError(
                f"{norm} cannot be folded into {layer}, whose channels are not those of an input "
                f"of {x.ndim} dimensions: set fold_batch_norm=False, or leave {layer} float, "
                f"skip=[{layer!r}]"
            )
        if isinstance(x, Reserved) and x.names == self.names:
            return x.original
        if isinstance(x, Reserved) or (type(x) is Tensor and _can_watch()):
            raise InputError(
                f"{norm} stands behind {layer} in the model but does not take its output, so "
                "it cannot be folded: set fold_batch_norm=False"
            )
        return x


def watch(model: nn.Module) -> None:
    """See to it that forwards of ``model`` take nothing of a folded pair from outside of it.

    A layer's output may only go to its batch norm, in every forward that is neither traced nor
    compiled. Its weight may only be taken by itself, in the first forward in training mode and the
    first in evaluation mode.
    """
    model.register_forward_pre_hook(_reserve_weights)
    model.register_forward_hook(_check_outputs, always_call=True)


def _reserve_weights(model: nn.Module, args: tuple) -> None:
    if _can_watch() and not getattr(model, "_is_replica", False):
        for norm, layer in _folded(model):
            norm.reserve_weight(layer, model.training)


def _check_outputs(model: nn.Module, args: tuple, output) -> None:
    for norm, layer in _folded(model):
        norm.return_weight(layer, model.training, whole=output is not None)
    for x in _tensors(output):
        if isinstance(x, Reserved):
            raise x.refused()


def _folded(model: nn.Module) -> list[tuple[FoldedBatchNorm, nn.Module]]:
    found = [module for module in model.modules() if isinstance(module, FoldedBatchNorm)]
    return [(norm, model.get_submodule(norm.names[0])) for norm in found]


def _tensors(tree) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _can_watch() -> bool:
    return not (torch.compiler.is_compiling() or torch.jit.is_tracing())
