"""A graph as a file."""

from __future__ import annotations

from pathlib import Path

from bsam_suite.atomic_write import atomic_path
from bsam_suite.engine.work_dir import check_new_file
from bsam_suite.onnx.session import CONFIG
from bsam_suite.optional import need


def write(
    graph, file: str | Path, config: str | None = None, about: dict[str, str] | None = None
) -> Path:
    """Write a graph that ONNX takes for valid.

    What ``torch.onnx.export`` notes of where each node comes from, with stack traces that name the
    machine's folders, is left out.

    Args:
        graph: ``onnx.ModelProto``, changed in place.
        config: text of the config that the network was trained with, kept in the file.
        about: more metadata, by keys: see :func:`bsam_suite.onnx.describe.describe`.

    Raises:
        InputError: there is something at ``file``, or no such folder.
    """
    onnx = need("onnx", "export")
    file = check_new_file(file)
    _drop_notes(graph)
    metadata = dict(about or {}) | ({} if config is None else {CONFIG: config})
    for key, value in metadata.items():
        graph.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(graph)
    with atomic_path(file) as part:
        onnx.save(graph, part)
    return file


def _drop_notes(message) -> None:
    """Empty ``metadata_props`` and ``doc_string`` of a message and of all that it holds."""
    for field, value in message.ListFields():
        if field.name in ("metadata_props", "doc_string"):
            message.ClearField(field.name)
        elif field.message_type is not None:
            for part in value if field.is_repeated else [value]:
                _drop_notes(part)
