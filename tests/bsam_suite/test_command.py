"""A command ends with one line where the user can mend it, and with a traceback where not."""

import errno
import runpy
from pathlib import Path

import pytest

from bsam_suite.__main__ import commands
from bsam_suite.command import command
from bsam_suite.errors import InputError


def ends_with(error, **settings):
    @command(**settings)
    def failing(args):
        raise error

    return failing([])


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InputError("rho=-1: give a number"), "error: rho=-1: give a number"),
        (FloatingPointError("the gradient is NaN"), "error: the gradient is NaN"),
        (OSError(errno.ENOSPC, "No space left on device"), "cannot write.*No space left"),
        (OSError(errno.EROFS, "Read-only file system", "a/b.json"), "a/b.json.*Read-only"),
        (PermissionError(errno.EACCES, "Permission denied", "a/b.json"), "a/b.json.*denied"),
    ],
)
def test_one_line(error, words):
    with pytest.raises(SystemExit, match=words) as ended:
        ends_with(error)
    assert "\n" not in ended.value.code and ended.value.code.startswith("error: ")


@pytest.mark.parametrize(
    "error", [OSError(errno.EPIPE, "Broken pipe"), PermissionError("no file"), ValueError("bug")]
)
def test_what_is_no_fault_of_the_user_stays_what_it_is(error):
    with pytest.raises(type(error)) as raised:
        ends_with(error)
    assert raised.value is error


def test_ctrl_c():
    with pytest.raises(SystemExit, match="stopped; go on by"):
        ends_with(KeyboardInterrupt(), stopped="stopped; go on by the same command")
    with pytest.raises(KeyboardInterrupt):
        ends_with(KeyboardInterrupt())


def test_bsam_starts_what_the_tools_start():
    files = list((Path(__file__).parents[2] / "tools").glob("*.py"))
    assert {file.stem for file in files} == commands().keys()
    for file in files:
        ours, theirs = commands()[file.stem], runpy.run_path(str(file))["command"]
        assert ours.name == theirs.name == file.stem
        assert ours.run.__code__ is theirs.run.__code__


def test_the_command_line_can_be_repeated():
    found = commands()["compare"].parse(["a config.py", "--rules", "none", "SAM"])
    assert found.command_line.endswith("tools/compare.py 'a config.py' --rules none SAM")
