"""Commands to tell the user: they run as printed, in the shell that they are printed in."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
"""The folder of the suite; in a clone that with ``tools/`` and ``pyproject.toml``."""


def is_clone() -> bool:
    """Whether the suite runs from a clone of its repository, not from an installed wheel."""
    return (ROOT / "pyproject.toml").is_file()


def python() -> str:
    """What starts the running interpreter: ``python`` where that is it, else its path."""
    return _program("python", Path(sys.executable))


def torchrun() -> str:
    """PyTorch's launcher in the environment of the running interpreter."""
    return _program("torchrun", Path(sys.executable).with_name("torchrun"))


def tool(name: str) -> str:
    """What starts a command: ``python tools/NAME.py`` in a clone, else ``bsam NAME``."""
    if is_clone():
        return f"{python()} {script(name)}"
    return f"{_program('bsam', Path(sys.executable).with_name('bsam'))} {name}"


def next_command(name: str, args: Namespace, *words: str) -> str:
    """The line that tells the command to go on with, on the config and the options of ``args``.

    Args:
        name: of the command.
        args: of this one.
        *words: between the config and the options.
    """
    given = [f"{key}={value}" for key, value in (args.cfg_options or {}).items()]
    options = ["--cfg-options", *given] if given else []
    return f"Next: {tool(name)} {shlex.join([short(args.config), *words, *options])}"


def script(name: str) -> str:
    """What a launcher such as torchrun starts for a command."""
    return near(ROOT / f"tools/{name}.py") if is_clone() else f"-m bsam_suite {name}"


def add_extra(name: str) -> str:
    """The command that adds an extra of the suite to the running interpreter's environment."""
    if is_clone():
        return pip_install("-e", f"{short(ROOT)}[{name}]")
    return pip_install(f"bsam-suite[{name}]")


def pip_install(*words: str) -> str:
    """The command that adds packages to the running interpreter's environment."""
    if find_spec("pip"):
        start = f"{python()} -m pip install"
    else:  # environments that uv made have none
        start = f"uv pip install --python {python()}"
    return f"{start} {shlex.join(words)}"


def near(path: str | Path) -> str:
    """:func:`short`, quoted for the shell."""
    return shlex.quote(short(path))


def short(path: str | Path) -> str:
    """``path`` as seen from the current folder, where that is shorter."""
    path = os.path.abspath(path)
    return min(os.path.relpath(path), path, key=len)


def _program(name: str, path: Path) -> str:
    found = shutil.which(name)
    # `uv run` has PATH changed for what it starts, not for the shell.
    if found and "UV_RUN_RECURSION_DEPTH" not in os.environ and _same(Path(found), path):
        return name
    shown = near(path)
    return shown if "/" in shown else f"./{shown}"


def _same(one: Path, other: Path) -> bool:
    # Their folders, too: the interpreters of all environments may link to the same file.
    return one.resolve() == other.resolve() and one.parent.resolve() == other.parent.resolve()
