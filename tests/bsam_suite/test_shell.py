"""Commands that are told to the user run as printed, from where they are printed."""

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bsam_suite import shell

ROOT = Path(__file__).parents[2]
OPTIONAL = (ROOT / "pyproject.toml").read_text().split("[project.optional-dependencies]")[1]
EXTRAS = re.findall(r"^([\w-]+) = \[", OPTIONAL.split("\n[")[0], re.M)


@pytest.fixture
def environments(tmp_path, monkeypatch):
    """Two environments of one interpreter, as ``venv`` makes them; the first is running."""
    for name in ("a project/.venv", "other"):
        programs = tmp_path / name / "bin"
        programs.mkdir(parents=True)
        (programs.parent / "pyvenv.cfg").write_text(f"home = {sys.base_prefix}/bin\n")
        (programs / "python").symlink_to(Path(sys.executable).resolve())
        (programs / "torchrun").write_text(f"#!/bin/sh\necho {shlex.quote(str(programs.parent))}\n")
        (programs / "torchrun").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "a project/.venv/bin/python"))
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    return tmp_path


@pytest.mark.parametrize("folder", [".", "a project", "other", "a project/.venv/bin"])
@pytest.mark.parametrize("first", [None, "a project/.venv", "other"])
def test_what_is_printed_starts_the_running_environment(environments, monkeypatch, folder, first):
    monkeypatch.chdir(environments / folder)
    path = [str(environments / first / "bin")] if first else []
    monkeypatch.setenv("PATH", os.pathsep.join([*path, os.defpath]))
    for printed in (f"{shell.python()} -c 'import sys; print(sys.prefix)'", shell.torchrun()):
        started = subprocess.run(printed, shell=True, capture_output=True, text=True)
        assert started.stdout.strip() == str(environments / "a project/.venv"), printed
    assert (shell.python() == "python") == (first == "a project/.venv")


def test_paths_are_short_and_quoted(environments, monkeypatch):
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.chdir(environments / "a project")
    assert shell.python() == ".venv/bin/python"
    monkeypatch.chdir(environments)
    assert shell.python() == "'a project/.venv/bin/python'"
    assert shell.near(environments / "a project/$x.py") == "'a project/$x.py'"
    monkeypatch.chdir("/")
    assert shell.near("/etc/hosts") == "etc/hosts"
    assert shell.near(environments / "other") == str(environments / "other").lstrip("/")


def test_uv_run_changes_the_path_of_what_it_starts_only(environments, monkeypatch):
    monkeypatch.chdir(environments / "a project")
    monkeypatch.setenv("PATH", str(environments / "a project/.venv/bin"))
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    assert shell.python() == ".venv/bin/python"


@pytest.mark.parametrize("folder", [ROOT, ROOT / "docs", Path("/")])
def test_tools_and_extras_are_found_from_any_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    for file in (ROOT / "tools").glob("*.py"):
        assert os.path.samefile(shlex.split(shell.tool(file.stem))[-1], file)
    assert len(EXTRAS) == 13
    for name in EXTRAS:
        *_, option, place = shlex.split(shell.add_extra(name))
        path, _, extra = place.rstrip("]").partition("[")
        assert option == "-e" and os.path.samefile(path, ROOT) and extra == name


@pytest.mark.parametrize("there, start", [(True, "-m pip install"), (False, "uv pip install")])
def test_packages_go_into_the_running_environment(monkeypatch, there, start):
    monkeypatch.setattr(shell, "find_spec", lambda name: there and name)
    words = shlex.split(shell.pip_install("setuptools<81"))
    assert start in " ".join(words) and words[-1] == "setuptools<81"
    assert shlex.split(shell.python())[0] in words


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_no_command_is_written_out_in_the_code():
    """A literal "python tools/..." runs in an activated environment only."""
    literal = re.compile(r"\bpython (tools/|-c)|\bpip install|\btorchrun -")
    called, written = set(), set()
    for folder in ("bsam_suite", "tasks", "tools", "configs"):
        for file in (ROOT / folder).rglob("*.py"):
            nodes = list(ast.walk(ast.parse(file.read_text())))
            docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
            for node in nodes:
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    at = 0 if node.func.id == "next_command" else -1
                    named = node.args[at] if node.args else None
                    called |= {(node.func.id, named.value)} if is_text(named) else set()
                text = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
                if isinstance(text, str) and id(node) not in docstrings and literal.search(text):
                    written.add(file.relative_to(ROOT))
    assert written == {Path("bsam_suite/shell.py")}
    tools = {name for function, name in called if function in ("tool", "next_command")}
    extras = {name for function, name in called if function in ("add_extra", "need") and name}
    assert "test" in tools and all((ROOT / f"tools/{name}.py").is_file() for name in tools)
    assert "timm" in extras and extras <= {*EXTRAS}
