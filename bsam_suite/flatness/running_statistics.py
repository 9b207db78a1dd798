"""Batch norm where the weights are moved: its running statistics, kept or made anew."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn

from bsam_suite.flatness.objective import Objective
from bsam_suite.sharpness.forward_state import ForwardState


def has_batch_norm(model: nn.Module) -> bool:
    """Whether the model has batch norm with running statistics."""
    return any(isinstance(m, _BatchNorm) and m.track_running_stats for m in model.modules())


def loss_with_new_statistics(objective: Objective) -> float:
    """The loss in evaluation mode with the batch-norm statistics of these weights.

    They are the mean over the objective's batches of what batch norm finds in training mode there,
    so that they depend on the batches' size as in training. That doubles the forward passes. The
    model is left as it was.

    Source: Izmailov et al. 2018, Averaging Weights Leads to Wider Optima and Better Generalization,
    arXiv 1803.05407.
    """
    state = ForwardState(objective.model, objective.params)
    momenta = {m: m.momentum for m in objective.model.modules() if isinstance(m, _BatchNorm)}
    try:
        torch.manual_seed(0)
        update_bn(range(len(objective.batches)), _Batches(objective))
        return objective.loss()
    finally:
        state.restore()
        for module, momentum in momenta.items():  # which an error leaves at None
            module.momentum = momentum


class _Batches(nn.Module):
    """The model, called with the number of a batch."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.model, self.objective = objective.model, objective

    def forward(self, number: int) -> None:
        self.objective.batch_loss(self.model, self.objective.batches[number])
