"""Load checkpoints safely, from every source of MMEngine's CheckpointLoader."""

from __future__ import annotations

import os
import re
import zipfile
from contextlib import AbstractContextManager, nullcontext
from http.client import HTTPException
from types import ModuleType
from urllib.parse import urlparse

from bsam_suite.compat.safe_globals import BY_USER, allowed_by_user
from bsam_suite.errors import InputError

BLOCKED = ("sys", "os", "posix", "nt")  # PyTorch never loads from these modules


def patch_checkpoint_loading() -> None:
    """Let all loaders of MMEngine 0.10.7 read with ``weights_only=True``.

    MMEngine reads downloads (``http://``, ``torchvision://``, ``open-mmlab://``, ``mmcls://``, ...)
    with PyTorch's ``load_state_dict_from_url``, which by default runs any code in the file. It
    reads other files with ``torch.load``, which is safe since PyTorch 2.6 unless
    ``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD`` is set. Both are replaced, in MMEngine's module only.
    onedl-mmengine 0.10.12 reads once more with ``weights_only=False`` what was refused, and lets
    files call ``getattr`` before: here it does neither.
    """
    import mmengine.runner.checkpoint

    mmengine.runner.checkpoint.load_url = load_url
    mmengine.runner.checkpoint.torch = _TorchLoadingSafely("torch")


class _TorchLoadingSafely(ModuleType):
    """``torch`` as MMEngine's loaders see it."""

    def __getattr__(self, name: str):
        import torch

        return {"load": _load, "serialization": _NoGlobals}.get(name) or getattr(torch, name)


class _NoGlobals:
    """``torch.serialization`` as onedl-mmengine's loaders see it."""

    @staticmethod
    def safe_globals(names: list) -> AbstractContextManager:
        """Allow nothing more than :func:`add_safe_globals` has."""
        return nullcontext()


def _load(file, map_location=None, weights_only: bool = True):
    return load_checkpoint(file, map_location)  # whatever is asked for


def load_checkpoint(file, map_location=None):
    """Read a checkpoint from a path or an open binary file with ``weights_only=True``.

    Raises:
        InputError: the file is no checkpoint, is damaged, or contains a class that is not allowed.
    """
    import torch

    try:
        verify_checksums(file)
        return _as_data(torch.load(file, map_location=map_location, weights_only=True))
    except Exception as error:  # a damaged file fails in many ways
        raise _refusal(file, error) from error


def verify_checksums(file) -> None:
    """Verify the checksums in a zip file, the format that PyTorch writes since 1.6.

    PyTorch itself reads a file with flipped bits without an error. A file without checksums, which
    it writes after ``set_crc32_options(False)``, is accepted.

    Args:
        file: a path or an open binary file, which is rewound to its start.

    Raises:
        BadZipFile: a checksum differs.
    """
    try:
        if not zipfile.is_zipfile(file):
            return
        with zipfile.ZipFile(file) as content:
            summed = any(member.CRC for member in content.infolist())
            damaged = content.testzip() if summed else None
    finally:
        if hasattr(file, "seek"):
            file.seek(0)
    if damaged is not None:
        raise zipfile.BadZipFile(f"{damaged} in it is damaged, its checksum differs")


def load_url(url: str, model_dir: str | None = None, map_location=None, progress: bool = True):
    """Download a checkpoint if it is not in the cache, and read it with ``weights_only=True``.

    Raises:
        OSError: it cannot be downloaded.
        InputError: the file is no checkpoint, is damaged, or contains a class that is not allowed.
    """
    import torch

    folder = model_dir or os.path.join(torch.hub.get_dir(), "checkpoints")
    file = os.path.join(folder, os.path.basename(urlparse(url).path))
    try:
        if not os.path.exists(file):
            os.makedirs(folder, exist_ok=True)
            torch.hub.download_url_to_file(url, file, None, progress)
        verify_checksums(file)
        return _as_data(
            torch.hub.load_state_dict_from_url(
                url, folder, map_location=map_location, progress=progress, weights_only=True
            )
        )
    except HTTPException as error:
        raise OSError(f"{url}: {error!r}") from error
    except OSError:
        raise
    except Exception as error:
        raise _refusal(file, error, "delete it, so that it is downloaded again") from error


def _as_data(checkpoint):
    """Remove ``meta["config"]``, a text that MMEngine's ``Runner.resume`` would run.

    MMEngine itself writes ``meta["cfg"]``.
    """
    meta = checkpoint.get("meta") if isinstance(checkpoint, dict) else None
    if isinstance(meta, dict):
        meta.pop("config", None)
    return checkpoint


def _refusal(file, error: Exception, again: str = "copy or save it again") -> InputError:
    """Why ``file`` could not be read, and what to do. An error of the device is raised again."""
    if "map_location" in str(error):
        raise error
    where = str(file) if isinstance(file, (str, os.PathLike)) else "the checkpoint"
    if isinstance(error, InputError):
        return InputError(f"{where} contains {error}, which is not allowed: save it without that")
    damaged = isinstance(error, zipfile.BadZipFile)  # then its names must not be allowed
    names = [] if damaged else _foreign_names(file, error)
    blocked = [name for name in names if name.rpartition(".")[0] in BLOCKED]
    if blocked:
        return InputError(
            f"{where} contains {', '.join(blocked)}, which is never allowed: loading it could run "
            "any command. Do not use this file"
        )
    if names:
        allow = ",".join(dict.fromkeys([*allowed_by_user(), *names]))
        return InputError(
            f"{where} contains {', '.join(names)}, which is not allowed: loading could run code. "
            f"If you trust the file, set the environment variable {BY_USER}={allow} and try again"
        )
    unpickling = re.search(r"WeightsUnpickler error:\s*(.*)", str(error))
    reason = unpickling[1] if unpickling else (str(error) or type(error).__name__).splitlines()[0]
    return InputError(
        f"{where} is no checkpoint that PyTorch can read ({reason.strip()}): it may be incomplete "
        f"or another kind of file; {again}"
    )


def _foreign_names(file, error: Exception) -> list[str]:
    """The classes and functions in ``file`` that are not allowed."""
    import torch

    try:
        if hasattr(file, "seek"):
            file.seek(0)
        names = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except Exception:  # the format before PyTorch 1.6: the first name, taken from the error
        names = re.findall(r"GLOBAL (\S+) (?:was not an allowed|whose module)", str(error))
    return sorted(name if "." in name else f"builtins.{name}" for name in names)
