"""Read and check checkpoints before training or evaluation starts."""

from __future__ import annotations

import re

from mmengine.runner.checkpoint import CheckpointLoader, _load_checkpoint_to_model
from torch import nn

from bsam_suite.errors import InputError, listed


def read_checkpoint(path: str) -> dict:
    """Load a checkpoint to the CPU, safely.

    Raises:
        InputError: the file does not exist, cannot be downloaded, is damaged or has no weights.
    """
    try:
        checkpoint = CheckpointLoader.load_checkpoint(path, map_location="cpu")
    except FileNotFoundError as error:
        raise InputError(f"checkpoint {path} does not exist: {error}") from error
    except OSError as error:
        remedy = "download it and give the file" if "://" in path else "make it readable"
        raise InputError(f"checkpoint {path} cannot be read ({error}): {remedy}") from error
    except (KeyError, ImportError) as error:
        raise InputError(
            f"checkpoint {path} is not available here ({error}): give a file"
        ) from error
    if not isinstance(checkpoint, dict):
        raise InputError(f"checkpoint {path} contains a {type(checkpoint).__name__}, not weights")
    return checkpoint


def load_weights(
    model: nn.Module,
    checkpoint: dict,
    path: str,
    remedy: str = "Give the config that it was trained with",
) -> None:
    """Load the weights of ``checkpoint`` into ``model``, as MMEngine's runner does.

    Names may have the ``module.`` prefix of several processes. The model's own hooks rename weights
    of older versions.

    Args:
        model: stays as it is if an error is raised.
        checkpoint: has them, under ``state_dict`` or directly.
        path: of the checkpoint, for messages.
        remedy: the end of the message for weights of another model.

    Raises:
        InputError: no weights, missing or unknown names, or different shapes.
    """
    model = getattr(model, "module", model)
    _state(checkpoint, path)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        _load_checkpoint_to_model(model, checkpoint, strict=True)
    except InputError:
        model.load_state_dict(before)
        raise
    except RuntimeError as error:
        model.load_state_dict(before)
        lines = str(error).splitlines()
        if "do not match exactly" not in lines[0]:
            raise
        faults = [fault for line in lines[1:] for fault in _faults(line)]
        raise InputError(
            f"checkpoint {path} is of another model: {listed(faults, separator='; ')}. {remedy}"
        ) from error


def check_some_weights(model: nn.Module, checkpoint: dict, path: str) -> None:
    """Check that ``checkpoint`` has weights to fine-tune from.

    Raises:
        InputError: none of them has the name and the shape of a weight of ``model``.
    """
    have = _state(checkpoint, path)
    want = getattr(model, "module", model).state_dict()
    names = {
        re.sub(r"^module\.", "", name): getattr(value, "shape", None)
        for name, value in have.items()
    }
    if not any(names.get(name) == value.shape for name, value in want.items()):
        raise InputError(
            f"load_from={path} has no weight that fits the model, such as {next(iter(want), '')}: "
            "give a checkpoint of this kind of model"
        )


def _state(checkpoint: dict, path: str) -> dict:
    state = checkpoint.get("state_dict", checkpoint)
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise InputError(f"checkpoint {path} contains no weights by name: give another file")
    return state


def _faults(line: str) -> list[str]:
    """The faults in a ``line`` of MMEngine's message, each in a few words."""
    words = {"unexpected": "is not in the model", "missing": "is missing in the checkpoint"}
    listed = re.match(r"(unexpected|missing) keys? in source state_dict: (.*)", line)
    if listed:
        return [f"{name} {words[listed[1]]}" for name in listed[2].split(", ")]
    shapes = re.search(r"size mismatch for (\S+): .*?Size\(\[(.*?)\]\).*?Size\(\[(.*?)\]\)", line)
    if shapes:
        return [f"{shapes[1]} is ({shapes[2]}) in the checkpoint, ({shapes[3]}) in the model"]
    return [line.strip()] if line.strip() else []
