"""docs/cheap_bsam.md: its snippet runs, and its words are those of configs and tools."""

import re
from pathlib import Path

from mmengine.config import Config

from bsam_suite.engine.check_optim import check_optim_wrapper

PAGE = (Path(__file__).parents[2] / "docs" / "cheap_bsam.md").read_text()


def test_the_snippet_makes_the_passes_that_it_says(capsys):
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], {})
    assert capsys.readouterr().out == "1.2\n"


def test_the_config_is_one():
    text = re.search(r"```\n(optim_wrapper = .*?)\n```", PAGE, re.DOTALL)[1]
    cfg = Config.fromstring(text, ".py")
    assert cfg.optim_wrapper.k == 5
    check_optim_wrapper(cfg)
