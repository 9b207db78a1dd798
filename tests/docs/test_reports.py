"""docs/reports.md: its block is what --tensorboard makes of a config."""

import re
from pathlib import Path

from mmengine.config import Config

from bsam_suite.engine.tensorboard import log_to_tensorboard

PAGE = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()


def test_the_block_is_what_the_option_does():
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(block, names)
    cfg = Config()
    log_to_tensorboard(cfg)
    assert cfg.visualizer == names["visualizer"]
