"""Models of torchvision and timm by name."""

from __future__ import annotations

import torchvision
from mmengine.registry import MODELS
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.nearest import did_you_mean
from bsam_suite.optional import need


@MODELS.register_module(name="TorchvisionModel")
def torchvision_model(name: str, num_classes: int, **arguments) -> nn.Module:
    """Classification model ``name`` of torchvision, with random weights.

    Args:
        name: as in ``torchvision.models.list_models(torchvision.models)``.
        num_classes: number of logits.
        **arguments: of the model's constructor.

    Raises:
        InputError: the model does not exist, or does not accept an argument.
    """
    models = torchvision.models
    names = models.list_models(models)
    if name not in names:
        raise InputError(
            f"name={name!r} of TorchvisionModel does not exist{did_you_mean(name, names)}"
        )
    # Auxiliary heads would give several outputs in training, which no loss here expects.
    if name in ("googlenet", "inception_v3"):
        arguments = dict(aux_logits=False, init_weights=True) | arguments
    try:
        return models.get_model(name, num_classes=num_classes, **arguments)
    except TypeError as error:
        raise InputError(f"TorchvisionModel {name}: {error}") from error


@MODELS.register_module(name="TimmModel")
def timm_model(name: str, num_classes: int, **arguments) -> nn.Module:
    """Model ``name`` of timm, with random weights.

    Args:
        name: as in ``timm.list_models()``.
        num_classes: number of logits.
        **arguments: of ``timm.create_model``, such as ``img_size``.

    Raises:
        InputError: timm is not installed, or the model does not exist or accept an argument.
    """
    timm = need("timm", "timm")
    if not timm.is_model(name):
        raise InputError(
            f"name={name!r} of TimmModel does not exist{did_you_mean(name, timm.list_models())}"
        )
    try:
        return timm.create_model(name, num_classes=num_classes, **arguments)
    except TypeError as error:
        raise InputError(f"TimmModel {name}: {error}") from error
