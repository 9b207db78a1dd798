"""The objectives of trained models: a config, its checkpoints and a part of its training data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from mmengine.device import get_device
from torch import Tensor, nn

from bsam_suite.engine.checkpoint import load_weights, read_checkpoint
from bsam_suite.engine.config import preflight
from bsam_suite.engine.distributed import init_distributed
from bsam_suite.engine.trained import load_trained
from bsam_suite.errors import InputError
from bsam_suite.flatness.batches import training_loader
from bsam_suite.flatness.objective import Objective
from bsam_suite.flatness.samples import cast, halves, sample_count

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class Objectives(Mapping[str, Objective]):
    """The objectives of several checkpoints of one model over the same data, by checkpoint.

    They share the model: to look one up loads its weights, so only the last one is valid.

    Args:
        objective: of the model that they share.
        states: the state dict of each checkpoint, by its path.
    """

    def __init__(self, objective: Objective, states: Mapping[str, dict[str, Tensor]]) -> None:
        self.objective, self.states = objective, states

    def __getitem__(self, checkpoint: str) -> Objective:
        self.objective.model.load_state_dict(self.states[checkpoint])
        return self.objective

    def __iter__(self) -> Iterator[str]:
        return iter(self.states)

    def __len__(self) -> int:
        return len(self.states)


def load_objectives(
    config: str,
    checkpoints: Sequence[str],
    options: dict | None = None,
    *,
    samples: int = 1000,
    batch_size: int | None = None,
    train: bool = False,
    dtype: str = "float32",
    device: str | None = None,
    launcher: str = "none",
) -> Objectives:
    """Load checkpoints of a config and a part of its training data, checked before any pass.

    Args:
        config: config file.
        checkpoints: files; all are of the config's model.
        options: ``--cfg-options``.
        samples: see :func:`training_loader`, as ``batch_size``.
        train: see :class:`Objective`.
        dtype: of weights and data, ``"float32"`` or ``"float64"``.
        device: such as ``"cuda"``; by default a GPU where there is one.
        launcher: ``"pytorch"`` or ``"slurm"`` where there are several processes.

    Raises:
        InputError: something given is not usable, a checkpoint is of another model, or there are no
            data.
    """
    if dtype not in DTYPES:
        raise InputError(f"--dtype {dtype}: give float32 or float64")
    place = _device(device)
    if len(set(checkpoints)) < len(checkpoints):
        raise InputError(f"checkpoints {' '.join(checkpoints)}: give each one once")
    cfg, model = load_trained(config, checkpoints[0], options)
    cfg.launcher = launcher
    states = {}
    for checkpoint in checkpoints:
        load_weights(model, read_checkpoint(checkpoint), checkpoint)
        states[checkpoint] = deepcopy(model.state_dict())  # with the versions of its parts
    init_distributed(cfg, "analyze_flatness")
    model.to(place, DTYPES[dtype])
    preflight(cfg)
    loader = training_loader(cfg, samples, batch_size)
    return Objectives(mmengine_objective(model, loader, train), states)


def _device(name: str | None) -> torch.device:
    try:
        place = torch.device(name or get_device())
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"--device {name}: {str(error).splitlines()[0]}") from error
    return place


def mmengine_objective(model: nn.Module, loader: Iterable, train: bool = False) -> Objective:
    """The mean of an MMEngine model's loss over the batches of ``loader``.

    The batches go through the model's data preprocessor once, without augmentation, and stay on the
    model's device. A part of the model may say how many terms its loss is the mean of, by a method
    ``loss_terms(batch_data_samples)``, as a head that averages over labelled keypoints has to; else
    each sample is one.

    Raises:
        InputError: see :class:`Objective`.
    """
    preprocess: Any = model.data_preprocessor
    dtype = next(model.parameters()).dtype
    terms = counts_terms(model)

    def count(data: Any) -> float:
        return float(terms.loss_terms(data["data_samples"])) if terms else sample_count(data)

    batches = [cast(preprocess(batch, False), dtype) for batch in loader]
    return Objective(model, _loss, batches, count, train)


def counts_terms(model: nn.Module) -> Any:
    """The part of the model that has a ``loss_terms``, or None."""
    return next((m for m in model.modules() if hasattr(m, "loss_terms")), None)


def difference_of_halves(objective: Objective) -> float:
    """How far the loss of the first batch is from the mean over its halves, relative to it.

    That is 0 but for rounding where the loss is a mean over what is counted. Else the measures
    depend on the batch size. For models of MMEngine.
    """
    if not objective.batches or sample_count(objective.batches[0]) < 2:
        return 0.0
    whole, *parts = objective.batches[0], *halves(objective.batches[0])
    with objective.measuring("loss"), torch.no_grad():
        losses = [objective.batch_loss(objective.model, one).item() for one in (whole, *parts)]
    counts = [objective.count_of(part) for part in parts]
    mean = sum(c * loss for c, loss in zip(counts, losses[1:])) / max(sum(counts), 1)
    return abs(losses[0] - mean) / max(abs(losses[0]), 1e-12)


def _loss(model: nn.Module, data: Any) -> Tensor:
    net: Any = model
    return net.parse_losses(net._run_forward(data, mode="loss"))[0]
