"""An ONNX file under ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.onnx.extra import need

CONFIG = "mmengine_config"
"""Where a file keeps the text of the config that it was exported with, in its metadata."""


class Session:
    """Computes a network's outputs on the CPU.

    Args:
        file: with one input.

    Attributes:
        config: text of the config that the file was exported with, or None.

    Raises:
        InputError: ONNX Runtime is missing or cannot read the file.
    """

    def __init__(self, file: str | Path) -> None:
        runtime = need("onnxruntime")
        try:
            self._session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no base of their own
            raise InputError(f"{file} cannot be read by ONNX Runtime: {error}") from error
        self._input = self._session.get_inputs()[0].name
        self.config = self._session.get_modelmeta().custom_metadata_map.get(CONFIG)

    def __call__(self, inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The output, or all outputs if there are several, of a batch (N, ...)."""
        found = self._session.run(None, {self._input: inputs.detach().cpu().numpy()})
        outputs = tuple(torch.from_numpy(array) for array in found)
        return outputs[0] if len(outputs) == 1 else outputs
