"""docs/quantization.md: its config is one, and its Python blocks run one after the other."""

import re
from pathlib import Path

import torch
from mmengine.registry import MODELS

from bsam_suite.engine.check_config import check_config
from bsam_suite.engine.config import load_config
from bsam_suite.quantization import FakeQuantizer, layer_bits

PAGE = Path(__file__).parents[2] / "docs" / "quantization.md"


BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_config_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("config.py").write_text(BLOCKS[0])
    cfg = load_config("config.py")
    check_config(cfg)
    bits = [(row.weight_bits, row.activation_bits) for row in layer_bits(MODELS.build(cfg.model))]
    assert bits[0] == bits[-1] == (8, 8) and {*bits[1:-1]} == {(4, 4)}


def test_the_page_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = BLOCKS[1:]
    assert len(blocks) == 3
    names = {}
    exec(blocks[0], names)
    assert [(r.weight_bits, r.activation_bits) for r in names["layer_bits"](names["model"])] == [
        (8, 8),
        *[(4, 4)] * 19,
        (8, 8),
    ]
    exec(blocks[1], names)
    weight = names["shifted"].layer1[0].conv1.quantized_weight().detach()[0]
    # Of a grid in steps of a power of two, each value times the inverse is a whole number.
    top = names["net"].layer1[0].conv1.weight[0].abs().max()
    step = 2.0 ** torch.ceil(torch.log2(top / 7)).item()
    assert torch.equal(weight / step, torch.round(weight / step)) and weight.unique().numel() > 4
    assert names["shifted"].layer1[0].conv1.weight.grad.abs().sum() > 0
    exec(blocks[2], names)
    images = names["images"]
    with torch.no_grad():
        expected, found = (names[n].train()(images) for n in ("shifted", "fresh"))
    assert torch.equal(found, expected)


def test_every_quantizer_is_listed_with_its_bits():
    rows = [line.split("|")[1:4] for line in PAGE.read_text().splitlines() if line[:1] == "|"]
    found = {name.strip(" `"): bits.strip() for name, _, bits in rows if name[2].isupper()}
    registered = {
        name
        for name, kind in MODELS.module_dict.items()
        if isinstance(kind, type)
        and issubclass(kind, FakeQuantizer)
        and kind.__module__.startswith("bsam_suite.")
    }
    assert set(found) == registered
    for name, bits in found.items():
        kind = MODELS.get(name)
        fewest = [kind.fewest_bits[k] for k in kind.kinds]
        if len({*fewest}) == 1:
            assert bits == f"{fewest[0]} to 8"
        else:
            assert bits == f"weights {fewest[0]} to 8, inputs {fewest[1]} to 8"
