"""docs/index.md: its config is one, and its loop of plain PyTorch makes a step."""

import re
from pathlib import Path

from mmengine.config import Config

from bsam_suite.engine.check_optim import check_optim_wrapper

PAGE = (Path(__file__).parents[2] / "docs/index.md").read_text()


def test_the_page_works():
    config, plain = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    cfg = Config.fromstring(config, ".py")
    assert cfg.optim_wrapper.type.endswith("BSAMOptimWrapper")
    check_optim_wrapper(cfg)
    names = {}
    exec(plain, names)
    assert names["optimizer"].passes_per_step == 3 and names["loss"] > 0
