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
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # errors are raised, and need not be printed as well
        try:
            self._session = runtime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no base of their own
            raise InputError(f"{file} cannot be read by ONNX Runtime: {error}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if [i.type for i in inputs] != ["tensor(float)"] or "tensor(string)" in {
            o.type for o in outputs
        }:
            raise InputError(
                f"{file} takes {[(i.name, i.type) for i in inputs]}: give a network of one float "
                "input"
            )
        self._file, self._input = file, inputs[0].name
        self.config = self._session.get_modelmeta().custom_metadata_map.get(CONFIG)

    def __call__(self, inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The output, or all outputs if there are several, of a batch (N, ...).

        Raises:
            InputError: the file is not made for such a batch.
        """
        try:
            found = self._session.run(None, {self._input: inputs.detach().cpu().numpy()})
        except Exception as error:  # as above
            reason = str(error).strip().splitlines()[0]
            raise InputError(
                f"{self._file} cannot compute an input of {tuple(inputs.shape)}: {reason}"
            ) from error
        outputs = tuple(torch.from_numpy(array) for array in found)
        return outputs[0] if len(outputs) == 1 else outputs
