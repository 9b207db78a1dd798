"""A graph as a file."""

from __future__ import annotations

from pathlib import Path

from bsam_suite.engine.work_dir import check_new
from bsam_suite.files import replacing
from bsam_suite.onnx.extra import need
from bsam_suite.onnx.session import CONFIG


def write(graph, file: str | Path, config: str | None = None) -> Path:
    """Write a graph that ONNX takes for valid.

    Args:
        graph: ``onnx.ModelProto``.
        file: a new file.
        config: text of the config that the network was trained with, kept in the file.

    Raises:
        InputError: there is something at ``file``, or no such folder.
    """
    onnx = need("onnx")
    file = check_new(file)
    if config is not None:
        graph.metadata_props.add(key=CONFIG, value=config)
    onnx.checker.check_model(graph)
    with replacing(file) as part:
        onnx.save(graph, part)
    return file
