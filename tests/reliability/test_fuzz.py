"""The short form of ``fuzz.py``, and that it sees what there is to find."""

import importlib.util
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

DRIVER = Path(__file__).with_name("fuzz.py")


def run(folder, *options):
    command = [sys.executable, str(DRIVER), f"--keep={folder}", *options]
    return subprocess.run(command, capture_output=True, text=True)


def check(done, inputs):
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = re.findall(
        r"^(\w+) +(\d+) inputs, (\d+)% parsed, (\d+)% read, 0 findings$", done.stdout, re.M
    )
    assert len(found) == len(done.stdout.splitlines())
    for name, count, parsed, read in found:
        assert int(count) == inputs and int(parsed) >= 30 and int(read) > 0, name
    return len(found)


@pytest.mark.long
def test_changed_files_end_in_a_result_or_an_input_error(tmp_path):
    assert check(run(tmp_path, "--inputs=40", "--plain"), 40) == 9


@pytest.mark.slow
def test_more_of_them_chosen_by_what_they_reach(tmp_path):
    pytest.importorskip("atheris", reason="Atheris has no wheel for this platform")
    assert check(run(tmp_path, "--inputs=2000"), 2000) == 9


class Refused(ValueError):
    pass


@pytest.fixture
def fuzz(monkeypatch, tmp_path):
    """``fuzz(read)``: counts, deaths and findings of 6 inputs, b"0" to b"5", read by ``read``."""
    spec = importlib.util.spec_from_file_location("fuzz", DRIVER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    numbers = iter(range(99))
    fake = ModuleType("readers")
    fake.InputError = Refused
    monkeypatch.setitem(sys.modules, "readers", fake)

    def run(read, **limits):
        for name, value in limits.items():
            monkeypatch.setattr(module, name, value)
        reader = SimpleNamespace(
            ending=".txt",
            seeds=lambda folder: [b"0"],
            parses=lambda content: int(content) < 4 or 1 / 0,
            mutant=lambda content, seeds, rng: str(next(numbers)).encode(),
            read=lambda file: read(int(file.read_bytes())),
        )
        fake.READERS = dict(one=reader)
        keep, folder = tmp_path / "keep", tmp_path / "folder"
        keep.mkdir(), folder.mkdir()
        counts, deaths = module.fuzz("one", 6, 0, True, keep, folder)
        return counts(), deaths, [file.read_text() for file in sorted(keep.glob("*.txt"))], keep

    return run


def test_other_errors_are_findings_and_their_files_are_kept(fuzz):
    def read(number):
        if number == 2:
            raise Refused("no")
        if number == 3:
            return {}["a"]

    counts, deaths, findings, keep = fuzz(read)
    assert counts == (6, 4, 4) and not deaths
    assert len(findings) == 1 and findings[0].startswith("KeyError")


def test_a_refusal_of_several_lines_is_a_finding(fuzz):
    def read(number):
        raise Refused("one\ntwo")

    assert "several lines: one two" in fuzz(read)[2][0]


def test_too_much_memory_and_a_crash_are_findings(fuzz):
    def read(number):
        if number == 1:
            bytearray(2**31)
        if number == 5:
            os.kill(os.getpid(), signal.SIGKILL)

    counts, deaths, findings, keep = fuzz(read, GIB=1)
    assert counts[0] == 6 and findings[0].startswith("MemoryError")  # another process went on
    assert deaths == ["died with -9 at death0"] and (keep / "death0.txt").read_text() == "5"
