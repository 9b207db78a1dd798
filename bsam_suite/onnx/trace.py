"""From a PyTorch network to ONNX."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bsam_suite.errors import InputError

#: The first opset with int4.
OPSET = 21


class Outputs(nn.Module):
    """The tensors that an MMEngine model computes of a preprocessed batch, and nothing else."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor):
        return self.model(inputs, None, mode="tensor")


def as_tuple(outputs: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """One output or several as a tuple."""
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)


def trace(model: nn.Module, inputs: Tensor, file: str | Path):
    """The ONNX graph of ``model``, opset 21, with one input named ``input``.

    Args:
        model: in evaluation mode.
        inputs: an example, (N, ...) with N from 2; N is free in the graph.
        file: where the graph will go, for messages.

    Returns:
        ``onnx.ModelProto``.

    Raises:
        InputError: the model cannot be traced.
    """
    try:
        with _quiet():
            program: Any = torch.onnx.export(
                model,
                (inputs,),
                input_names=["input"],
                dynamic_shapes=({0: torch.export.Dim.AUTO},),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise InputError(f"{file}: torch.onnx.export cannot trace the model: {reason}") from error
    return program.model_proto


@contextlib.contextmanager
def _quiet():
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
