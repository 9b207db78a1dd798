"""docs/rules.md: the radii in its table are the defaults."""

import inspect
import re
from pathlib import Path

from bsam_suite.engine import RULES

PAGE = (Path(__file__).parents[2] / "docs/rules.md").read_text()


def test_the_radii_are_the_defaults():
    table = PAGE.split("## How large")[1]
    rows = re.findall(r"^\| (`.*?) \| ([\d.]+)(?: up, ([\d.]+) down)? \|", table, re.M)
    found = {}
    for names, up, down in rows:
        for name in re.findall(r"`(\w+)`", names):
            found[name] = {"rho": float(up)} | ({"rho_min": float(down)} if down else {})
    ours = {n for n, r in RULES.module_dict.items() if r.__module__.startswith("bsam_suite.")}
    assert found.keys() == ours
    for name, radii in found.items():
        parameters = inspect.signature(RULES.get(name)).parameters
        for radius, value in radii.items():
            assert parameters[radius].default == value, name
