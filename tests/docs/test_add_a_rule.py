"""The page on adding a rule is run as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What a user has besides the page: a config with a model, to which the page's lines are added.
TRAIN = """
import torch
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper
from bsam_suite.engine.config import load_config

class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor([3.0, 4.0], dtype=torch.float64))

    def forward(self, x, mode="tensor"):
        return dict(loss=(self.w**2).sum() * x / 2)   # gradient: w x

config = load_config("config.py")
model = Model()
wrapper = build_optim_wrapper(model, config.optim_wrapper)
model.train_step(dict(x=2.0), wrapper)
print(model.w.tolist())
"""


def run(folder, *command):
    env = dict(os.environ, PYTHONPATH=str(ROOT))
    command = [sys.executable, *command]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.long
def test_the_page_works(tmp_path):
    page = (ROOT / "docs/add_a_rule.md").read_text()
    files = re.findall(r"^`(\S+\.py)`:\n\n```python\n(.*?)^```", page, re.M | re.S)
    assert [name for name, _ in files] == ["gradient_penalty.py", "try_it.py"]
    for name, code in files:
        (tmp_path / name).write_text(code)

    command = re.search(r"^python (\S+)$", page, re.M)[1]
    lines = re.findall(r"loss ([\d.]+)  max-sharpness ([\d.]+)", run(tmp_path, command))
    assert len(lines) == 5
    assert float(lines[0][0]) > 0.6 and float(lines[-1][0]) < 0.1
    assert all(0 < float(sharpness) < 0.3 for _, sharpness in lines)

    config = re.search(r"^```python\n(custom_imports = .*?)^```", page, re.M | re.S)[1]
    (tmp_path / "config.py").write_text(config)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/train.py").write_text(TRAIN)
    # g = 2 w, |w| = 5, w_max = w (1 + 0.1/5): the gradient is 0.2 * 2 w + 0.8 * 2.04 w = 2.032 w.
    w = eval(run(tmp_path, "elsewhere/train.py"))
    assert abs(w[0] - 3 * (1 - 0.1 * 2.032)) < 1e-12
    assert abs(w[1] - 4 * (1 - 0.1 * 2.032)) < 1e-12
