"""docs/robustness.md: its last block runs, and its tables and defaults are those of the hook."""

import inspect
import re
from pathlib import Path

from mmengine.registry import HOOKS, METRICS

from bsam_suite.robustness import RobustnessHook
from bsam_suite.robustness.corruptions import CORRUPTIONS
from bsam_suite.robustness.hook import SEVERITIES

PAGE = (Path(__file__).parents[2] / "docs" / "robustness.md").read_text()


def test_the_page_is_right():
    *_, given, plain = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    hook = HOOKS.build(eval(given))
    assert isinstance(hook, RobustnessHook) and hook.draws == 10
    assert METRICS.get("Calibration") is not None
    names: dict = {}
    exec(plain, names)
    assert 0 < names["ece"] < 1
    defaults = inspect.signature(RobustnessHook).parameters
    wanted = {"weights": defaults["weights"].default, **SEVERITIES}
    assert SEVERITIES.keys() == CORRUPTIONS.keys()
    for name, severities in wanted.items():
        (row,) = re.findall(rf"^\| `{name} s` \|.*\| ([\d., ]+)", PAGE, re.M)
        assert tuple(float(one) for one in row.split(",")) == severities
    assert f"mean over {defaults['draws'].default} draws" in PAGE
