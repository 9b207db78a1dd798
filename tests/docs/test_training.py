"""docs/training.md: its Python blocks run one after the other, as they stand there."""

import re
from pathlib import Path

import torch
from mmengine.registry import MODEL_WRAPPERS

from bsam_suite.engine.fully_sharded import FullySharded

PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def test_the_page_works():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (wrapper,) = [block for block in blocks if "FullySharded" in block]
    blocks.remove(wrapper)
    assert len(blocks) == 9
    names = {}
    exec(wrapper, names)
    assert MODEL_WRAPPERS.get(names["model_wrapper_cfg"]["type"]) is FullySharded
    exec("".join(blocks[:2]), names)
    losses = names["optimizer"].losses
    assert losses["loss_max"] > losses["loss"] > losses["loss_min"]
    before = names["model"][0].weight.clone()
    exec(blocks[2], names)
    names["optimizer"].step(names["closure"], grad_scaler=names["scaler"])
    exec(blocks[3], names)
    parts, passes = [], len(names["optimizer"].losses)
    names["model"].register_forward_pre_hook(lambda _, args: parts.append(len(args[0])))
    names["optimizer"].step(names["closure"])
    assert parts == [2] * 4 * passes
    parts.clear()
    exec(blocks[4], names)
    assert parts == [4] * 2 * passes
    parts.clear()
    exec(blocks[5], names)
    assert parts == [6, 2, 6] and names["optimizer"].passes_per_step == 1.8
    exec("".join(blocks[6:8]), names)
    assert [g["rho"] for g in names["optimizer"].param_groups] == [0.05, 0.0]
    exec(blocks[8], names)
    gradient = [p.grad.norm() for p in names["model"].parameters()]
    assert torch.stack(gradient).norm() < 1.001
    assert not torch.equal(before, names["model"][0].weight)
