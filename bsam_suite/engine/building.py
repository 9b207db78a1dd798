"""What a part of the config refuses while MMEngine builds it, as one line."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import build_from_cfg
from mmengine.runner import Runner

from bsam_suite.errors import InputError

REFUSALS = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError),
    *(RuntimeError, TypeError, ValueError),
)

RUNNER, REGISTRY = inspect.getfile(Runner), inspect.getfile(build_from_cfg)
BUILDERS = ("__init__", "build_", "_build_", "scale_lr")
"""Methods of the Runner, by how their names begin, that make something of the config."""


@contextmanager
def building(cfg: Config) -> Iterator[None]:
    """Turn errors raised while a part of ``cfg`` is built into :class:`InputError`.

    Others pass, such as those of a training step: only what a registry or the Runner was building
    is by its nature the config's fault.

    Raises:
        InputError: a part cannot be built; its place in the config, and what it says.
    """
    try:
        yield
    except InputError:
        raise
    except REFUSALS as error:
        part = _part(error, cfg)
        if part is None:
            raise
        said = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        said = " ".join(said.split()) or type(error).__name__
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise InputError(
            f"{part} in {cfg.filename} cannot be built: {said} "
            f"({type(error).__name__} in {Path(frame.filename).name}:{frame.lineno})"
        ) from error


def _part(error: BaseException, cfg: Config) -> str | None:
    """The innermost part that was being built, or None if nothing was."""
    part = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if code.co_filename == REGISTRY and "cfg" in frame.f_locals:
            fields = frame.f_locals["cfg"]
            kind = fields.get("type") if isinstance(fields, Mapping) else fields
            kind = getattr(kind, "__name__", kind)
            place = _place(cfg.to_dict(), fields)
            part = f"{place} ({kind})" if place else f"{kind}"
        elif code.co_filename == RUNNER and code.co_name.startswith(BUILDERS):
            part = part or "the config"
    return part


def _place(cfg: Mapping, fields: object) -> str | None:
    """Where in ``cfg`` the dict ``fields`` stands, to which a builder may have added."""
    if not isinstance(fields, Mapping):
        return None
    kind = fields.get("type")
    typed = [(place, part) for place, part in _parts(cfg) if part.get("type") == kind]
    for place, part in typed:
        if all(fields.get(name) == value for name, value in part.items()):
            return place
    return typed[0][0] if len(typed) == 1 else None


def _parts(value: object, place: str = "") -> Iterator[tuple[str, Mapping]]:
    """All dicts with a type, with their places."""
    if isinstance(value, Mapping) and "type" in value:
        yield place, value
    if isinstance(value, (Mapping, list, tuple)):
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _parts(inner, f"{place}.{key}".lstrip("."))
