"""docs/flatness.md: its Python blocks and the options that it names."""

import re
from dataclasses import fields
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import HOOKS

from bsam_suite.commands import analyze_flatness
from bsam_suite.engine.flatness_hook import FlatnessHook
from bsam_suite.flatness.forms import FORMS
from bsam_suite.flatness.measures import MEASURES, Settings

PAGE = (Path(__file__).parents[2] / "docs" / "flatness.md").read_text()


def test_the_python_of_the_page_works(capsys):
    hooks, hook, plain = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names = {}
    exec(hooks, names)
    for one in (names["custom_hooks"][0], eval(hook)):
        built = HOOKS.build(Config(dict(hook=one)).hook)
        assert isinstance(built, FlatnessHook)
        Settings.of(built.settings, "").check(built.measures, "")
    exec(plain, names)
    values = names["pairs"].values
    assert values[0] > values[1] > 0 and len(capsys.readouterr().out.splitlines()) > 1


def test_the_options_of_the_page_are_those_of_the_tool():
    named = set(re.findall(r"--[a-z][a-z-]+", PAGE)) - {"--nproc", "--work-dir"}
    parsed = analyze_flatness.parse(["CONFIG", "A.pth", "B.pth"])
    for name in named:
        assert hasattr(parsed, name[2:].replace("-", "_")), name
    # The defaults on both sides, and the table of measures.
    defaults = Settings()
    for field in fields(Settings):
        wanted = getattr(defaults, field.name)
        wanted = list(wanted) if isinstance(wanted, tuple) else wanted
        assert getattr(parsed, field.name) == wanted, field.name
    assert parsed.measures == list(MEASURES)
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.M)
    assert rows == [*MEASURES, *FORMS]
