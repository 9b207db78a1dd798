"""An ONNX file under ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.optional import need

CONFIG = "mmengine_config"
"""Where a file keeps the text of the config that it was exported with, in its metadata."""


class Session:
    """Computes a network's outputs on the CPU.

    Args:
        file: with one input of floats; or its bytes.

    Attributes:
        config: text of the config that the file was exported with, or None.
        about: all of the file's metadata, by keys.

    Raises:
        InputError: ONNX Runtime is missing or cannot read the file, or it takes something else.
    """

    def __init__(self, file: str | Path | bytes) -> None:
        runtime = need("onnxruntime", "export")
        in_memory = isinstance(file, bytes)
        self._file = "the network" if in_memory else str(file)
        options = runtime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised
        try:
            self._session = runtime.InferenceSession(
                file if in_memory else str(file), options, providers=["CPUExecutionProvider"]
            )
            found = self._session.get_inputs()
            kinds = ", ".join(f"{x.name} {x.type} {x.shape}" for x in found)
            self.about = dict(self._session.get_modelmeta().custom_metadata_map)
        except Exception as error:  # its exceptions have no base of their own; text may be no UTF-8
            raise InputError(
                f"{self._file} cannot be read by ONNX Runtime: {_line(error)}"
            ) from error
        if [x.type for x in found] != ["tensor(float)"]:
            raise InputError(
                f"{self._file} takes {kinds or 'nothing'} and not one tensor of floats: give a "
                "file that tools/export_onnx.py or tools/export_quantized.py wrote"
            )
        if "tensor(string)" in {x.type for x in self._session.get_outputs()}:
            raise InputError(f"{self._file} answers with text: give a network")
        self._input, self._shape = found[0].name, found[0].shape
        self.config = self.about.get(CONFIG)

    def __call__(self, inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The output, or all outputs if there are several, of a batch (N, ...).

        Raises:
            InputError: the file is of a network with inputs of another shape, or cannot be run.
        """
        given = list(inputs.shape)
        fixed = [a == b or not isinstance(b, int) for a, b in zip(given, self._shape)]
        if len(given) != len(self._shape) or not all(fixed):
            raise InputError(
                f"{self._file} takes inputs of the shape {self._shape}, not {given}: it is of "
                "another network, or the config sets another input size"
            )
        array = inputs.detach().float().cpu().numpy()
        try:
            found = self._session.run(None, {self._input: array})
        except Exception as error:  # as above
            raise InputError(
                f"{self._file} cannot be run on inputs of the shape {given}: {_line(error)}"
            ) from error
        outputs = tuple(torch.from_numpy(array) for array in found)
        return outputs[0] if len(outputs) == 1 else outputs


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
