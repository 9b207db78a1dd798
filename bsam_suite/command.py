"""What a command of the suite is: its options, what it does, and how it ends."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from bsam_suite.errors import InputError
from bsam_suite.options import KeyValues
from bsam_suite.quiet import quiet
from bsam_suite.shell import tool

Option = Callable[[argparse._ActionsContainer], object]
"""Adds itself to a parser."""


def option(*names: str, **settings: Any) -> Option:
    """An option, declared as in ``add_argument``."""
    return lambda parser: parser.add_argument(*names, **settings)


def one_of(*options: Option) -> Option:
    """Options of which at most one may be given."""

    def add(parser: argparse._ActionsContainer) -> None:
        group = parser.add_mutually_exclusive_group()
        for one in options:
            one(group)

    return add


class Command:
    """A command, ``bsam NAME`` and ``tools/NAME.py``.

    Args:
        run: what it does with the parsed options; its docstring is the help.
        options: what it takes.
        stopped: what to say after Ctrl-C, where there is something to say.
    """

    def __init__(
        self,
        run: Callable[[argparse.Namespace], None],
        options: Sequence[Option],
        stopped: str | None = None,
    ) -> None:
        self.run, self.options, self.stopped = run, options, stopped
        self.name, self.help = run.__name__, run.__doc__ or ""

    def __call__(self, argv: Sequence[str] | None = None, prog: str | None = None) -> None:
        """Run it: what the user can correct ends it with one line and exit status 1.

        That is an :class:`InputError`, a gradient that is not finite with ``nonfinite="raise"``, or
        a file that cannot be written (no room, no permission).

        Args:
            argv: the words after the command (those that the process was started with).
            prog: the command's name in its usage.
        """
        args = self.parse(sys.argv[1:] if argv is None else argv, prog)
        try:
            with quiet() if getattr(args, "quiet", False) else nullcontext():
                self.run(args)
        except (InputError, FloatingPointError) as error:
            sys.exit(f"error: {error}")
        except KeyboardInterrupt:
            if self.stopped is None:
                raise
            sys.exit(self.stopped)
        except OSError as error:
            from bsam_suite.engine.disk_errors import DISK, cannot_write

            denied = isinstance(error, PermissionError) and error.filename
            if error.errno not in DISK and not denied:
                raise
            sys.exit(f"error: {cannot_write(error.filename or 'the disk', error)}")

    def parse(self, argv: Sequence[str], prog: str | None = None) -> argparse.Namespace:
        """The options in ``argv``, and ``command_line``, which does the same again."""
        parser = argparse.ArgumentParser(prog, description=self.help)
        for one in self.options:
            one(parser)
        args = parser.parse_args(argv)
        args.command_line = f"{tool(self.name)} {shlex.join(argv)}"
        return args


def command(
    *options: Option, stopped: str | None = None
) -> Callable[[Callable[[argparse.Namespace], None]], Command]:
    """Make a function of the parsed options a :class:`Command` that takes ``options``."""
    return lambda run: Command(run, options, stopped)


CONFIG = option(
    "config", help="config file, or PACKAGE::FILE for one of an installed package, such as mmpose"
)
CHECKPOINT = option("checkpoint", help="checkpoint file, .pth or packed .safetensors")
CFG_OPTIONS = option(
    "--cfg-options", nargs="+", action=KeyValues, metavar="KEY=VALUE", help="config overrides"
)
WORK_DIR = option("--work-dir", help="folder for logs and results (work_dirs/CONFIG)")
SHOW_DIR = option("--show-dir", help="folder for the pictures of predictions")
QUIET = option("--quiet", action="store_true", help="print only warnings, errors and the results")
LAUNCHER = option("--launcher", choices=["none", "pytorch", "slurm"], default="none")
LOCAL_RANK = option("--local_rank", "--local-rank", type=int, default=0, help=argparse.SUPPRESS)
