"""docs/training.md: its Python blocks run one after the other, as they stand there."""

import re
from pathlib import Path

import torch

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def test_the_page_works():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 6
    names = {}
    exec("".join(blocks[:2]), names)
    losses = names["optimizer"].losses
    assert losses["loss_max"] > losses["loss"] > losses["loss_min"]
    before = names["model"][0].weight.clone()
    exec(blocks[2], names)
    names["optimizer"].step(names["closure"], grad_scaler=names["scaler"])
    exec("".join(blocks[3:5]), names)
    assert [g["rho"] for g in names["optimizer"].param_groups] == [0.05, 0.0]
    exec(blocks[5], names)
    gradient = [p.grad.norm() for p in names["model"].parameters()]
    assert torch.stack(gradient).norm() < 1.001
    assert not torch.equal(before, names["model"][0].weight)
