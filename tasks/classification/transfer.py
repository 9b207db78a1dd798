"""Transfer learning: initial weights from a network that was trained for other classes."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from bsam_suite.engine.checkpoint import load_weights, read_checkpoint
from bsam_suite.errors import InputError


def load_all_but_head(net: nn.Module, num_classes: int, file: str) -> None:
    """Load the weights in ``file``, except for the last layer, into ``net``.

    The last layer keeps its random weights, even if the number of classes is the same. All other
    weights must fit.

    Args:
        file: a checkpoint of this task, or a state dict of the same network as published by
            torchvision and timm (``.pth`` or ``.safetensors``).

    Raises:
        InputError: the file does not exist, or the weights do not fit.
    """
    weights, head = read_weights(file), find_head(net, num_classes)
    weights = {name: value for name, value in weights.items() if not name.startswith(head)}
    # Checkpoints from before PyTorch 0.4.1 do not have this counter; batch norm does not need it.
    kept = {n: v for n, v in net.state_dict().items() if n.endswith("num_batches_tracked")}
    kept |= {n: v for n, v in net.state_dict().items() if n.startswith(head)}
    remedy = (
        "Set model.net to the network that model.transfer_from was trained with (torchvision's own "
        "weights need type='TorchvisionModel', timm's 'TimmModel')"
    )
    load_weights(net, dict(state_dict=kept | weights), file, remedy)


def read_weights(file: str) -> dict[str, Tensor]:
    """The weights in ``file``, with the names that they have in the network itself.

    Raises:
        InputError: the file does not exist or has no weights.
    """
    if not Path(file).is_file():
        raise InputError(f"model.transfer_from={file} does not exist: give a file with weights")
    if file.endswith(".safetensors"):
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            weights = load_file(file)
        except SafetensorError as error:
            raise InputError(
                f"model.transfer_from={file} is not a safetensors file ({error}): copy it again"
            ) from error
    else:
        weights = read_checkpoint(file)
        weights = weights.get("state_dict", weights)
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        raise InputError(f"model.transfer_from={file} has no state dict of a network")
    for prefix in ("module.", "net."):  # of several processes, and of our ImageClassifier
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def find_head(net: nn.Module, num_classes: int) -> str:
    """Prefix, with a dot, of the names of the last layer's weights: ``"fc."``, for example.

    Raises:
        InputError: no layer of ``net`` has ``num_classes`` outputs.
    """
    named = [
        name
        for name, module in net.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d)) and module.weight.shape[0] == num_classes
    ]
    if not named:
        raise InputError(
            f"{type(net).__name__} has no layer with num_classes={num_classes} outputs: transfer "
            "needs a network that ends in a linear layer"
        )
    return f"{named[-1]}."
