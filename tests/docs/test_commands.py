"""The commands in the README and the pages are ones: tools, options, configs, extras, targets."""

import argparse
import importlib.util
import re
import shlex
import string
from pathlib import Path

import pytest

from bsam_suite.__main__ import commands as all_commands
from bsam_suite.engine.check_config import check_config
from bsam_suite.engine.config import load_config

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


def blocks(text, language):
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text):
    """The words of each command in the blocks of bash, with the values of their variables."""
    for block in blocks(text, "bash"):
        lines = [shlex.split(line, True) for line in block.replace("\\\n", " ").splitlines()]
        values = {}
        for words in lines:
            for command in split(words):
                while command and (set_before := re.match(r"(\w+)=(.*)", command[0])):
                    values[set_before[1]] = set_before[2]
                    command = command[1:]
                if command[:1] == ["for"]:
                    values[command[1]] = command[3]
                elif command and command[0] not in ("done", "source", "mkdir", "cp"):
                    yield [string.Template(word).safe_substitute(values) for word in command]


def split(words):
    """The commands of a line: what stands between ``;``, ``&&`` and ``do``."""
    command = []
    for word in [part for one in words for part in re.split(r"(;)$", one) if part] + [";"]:
        if word in (";", "&&", "do"):
            yield command
            command = []
        else:
            command = [*command, word]


README = ROOT / "README.md"
NAMES = {file.stem: file for file in (ROOT / "tools").glob("*.py")}
FOUND = [
    pytest.param(file, command, id=f"{file.name}: {' '.join(command)[:70]}")
    for file in (README, *PAGES)
    for command in commands(file.read_text())
]
DECLARED = all_commands()
MADE = {"try_it.py", "study.py", "mlp_bsam.py"}
"""Files that a page makes itself."""


def test_there_are_commands():
    assert len(FOUND) > 80


@pytest.mark.parametrize("file, command", FOUND)
def test_command(file, command):
    program, *rest = command
    if ">" in rest:
        rest = rest[: rest.index(">")]
    if program == "torchrun":
        number = rest.index("tools/analyze_flatness.py")
        program, rest = "python", rest[number:]
    if program == "tensorboard":
        return
    check = dict(make=make, pip=pip, bsam=bsam, bash=script, python=python)[program]
    check(rest)
    for word in rest:
        for path in re.findall(r"(?:^|=)((?:configs|benchmarks|docs)/[\w./-]+)", word):
            assert (ROOT / path).exists() or path.split("/")[-1] in MADE, path


def make(words):
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M)
    assert {*words} <= {*targets}


def pip(words):
    known = re.findall(r"^([a-z-]+) = \[", (ROOT / "pyproject.toml").read_text(), re.M)
    assert words[0] == "install"
    for group in re.findall(r"\.\[(.*?)\]", " ".join(words)):
        assert {*group.split(",")} <= {*known}


def bsam(words):
    DECLARED[words[0]].parse(words[1:])


def script(words):
    assert (ROOT / words[0]).is_file()


def python(words):
    program, *rest = words
    if program == "-m":
        assert importlib.util.find_spec(rest[0])
        options(ROOT / rest[0].replace(".", "/"), rest[1:])
    elif program.startswith("tools/"):
        bsam([program.removeprefix("tools/").removesuffix(".py"), *rest])
    elif program not in MADE:
        assert (ROOT / program).is_file()
        options(ROOT / program, rest)


def options(place, words):
    """Each option is declared in a file, or in what it imports of its folder, or is of train."""
    files = [place] if place.is_file() else [*place.rglob("*.py")]
    texts = [file.read_text() for file in files]
    for name in re.findall(r"^from (\w+) import", texts[0], re.M):
        beside = files[0].with_name(f"{name}.py")
        texts += [beside.read_text()] if beside.exists() else []
    declared = {*re.findall(r'add_argument\(\s*"(--[\w-]+)"', "".join(texts))}
    if "from bsam_suite.commands import train" in texts[0]:
        declared |= {*usage_of("train")}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in declared, f"{word} of {place}"


@pytest.mark.slow
def test_configs_take_the_options_of_the_pages(monkeypatch):
    """Each config of a command is read with the command's rule and options, and checked."""
    monkeypatch.chdir(ROOT)
    count = 0
    for _, command in (found.values for found in FOUND):
        tool = re.fullmatch(r"tools/(\w+)\.py", command[1] if command[0] == "python" else "")
        if tool is None:
            continue
        args = DECLARED[tool[1]].parse(command[2:])
        if hasattr(args, "cfg_options") and Path(getattr(args, "config", None) or "/").is_file():
            rule = args.rule if tool[1] == "train" else None
            check_config(load_config(args.config, args.cfg_options or {}, rule))
            count += 1
    assert count > 40


def test_all_commands_are_listed():
    page = (DOCS / "commands.md").read_text()
    library, tasks = page.split("| command of a task |")
    listed = [re.findall(r"^\| `(\w+)` \|", part, re.M) for part in (library, tasks)]
    assert {*listed[0]} == {"train", "test"} | {n for n in DECLARED if in_library(DECLARED[n])}
    assert {*listed[1]} == {*DECLARED} - {*listed[0]}
    flags = {*re.findall(r"`(--[a-z-]+)`", page.split("## Options")[1])}
    assert flags == {*usage_of("train"), *usage_of("test")} - {"--help"}


def in_library(command):
    return command.run.__module__.startswith("bsam_suite.")


def usage_of(name):
    """The options of a command."""
    parser = argparse.ArgumentParser()
    for one in DECLARED[name].options:
        one(parser)
    return re.findall(r"--[\w-]+", parser.format_usage())


def test_blocks_have_a_language_or_are_formulas():
    for file in PAGES:
        for opening in re.findall(r"^```(\S*)$", file.read_text(), re.M)[::2]:
            assert opening in ("python", "bash", "text", ""), f"{file}: {opening}"


def test_every_python_block_is_run():
    """Each page with Python has a test of its own, which takes its blocks."""
    tests = {file.stem for file in (ROOT / "tests/docs").glob("test_*.py")}
    for file in PAGES:
        if blocks(file.read_text(), "python"):
            assert f"test_{file.stem}" in tests, file
