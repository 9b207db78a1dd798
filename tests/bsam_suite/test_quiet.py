"""What long work prints, with --quiet and without a terminal."""

import re
import subprocess
import sys

import pytest

from bsam_suite import progress
from bsam_suite.command import QUIET, command
from bsam_suite.quiet import is_quiet, quiet, tell


@command(QUIET)
def work(args):
    """Work for long."""
    print("working")
    subprocess.run([sys.executable, "-c", "import sys; print('beside', file=sys.stderr)"])
    tell("WARNING: little disk", "Results: here")


def test_quiet_commands_tell_results_alone(capfd):
    work([])
    assert capfd.readouterr().out == "working\nWARNING: little disk\nResults: here\n"
    work(["--quiet"])
    found = capfd.readouterr()
    assert found.out == "WARNING: little disk\nResults: here\n" and found.err == "beside\n"
    assert not is_quiet()


def test_an_error_ends_the_quiet(capsys):
    with pytest.raises(RuntimeError), quiet():
        raise RuntimeError
    print("seen")
    assert capsys.readouterr().out == "seen\n" and not is_quiet()


@pytest.mark.parametrize("seconds, lines", [(0, 3), (1e9, 0)])
def test_without_a_terminal_a_line_is_printed_from_time_to_time(
    seconds, lines, monkeypatch, capsys
):
    monkeypatch.setattr(progress, "SECONDS", seconds)
    with progress.progress_bar() as bar:
        task = bar.add_task("pictures", total=3)
        for _ in range(3):
            bar.advance(task)
    found = capsys.readouterr()
    told = found.err.splitlines()
    assert not found.out and len(told) == lines
    for i, line in enumerate(told, 1):
        assert re.match(rf"pictures: {i} of 3(, 0 min \d s left)?$", line)
    assert "\x1b" not in found.err


def test_no_progress_under_quiet(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS", 0)
    with quiet(), progress.progress_bar() as bar:
        bar.advance(bar.add_task("pictures", total=3))
    assert capsys.readouterr() == ("", "")


def test_durations():
    assert progress.duration(125.4) == "2 min 5 s" and progress.duration(11040) == "3 h 4 min"
