"""A file is there if ONNX Runtime agrees with the model, and in the fastest form that does."""

import numpy as np
import onnx
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.onnx.session import Session
from tasks.quantization.calibrate import calibrate
from tasks.quantization.convert import quantize
from tasks.quantization.export import validate

LSQ8 = dict(type="LSQ", bits=8)
BATCHES = [torch.randn(8, 3, 6, 6, generator=torch.Generator().manual_seed(i)) for i in range(3)]


class Net(nn.Module):
    """Takes batches as MMEngine's models do."""

    def __init__(self, pair=False):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 6, 3), nn.Linear(6, 4)
        self.pair = pair

    def data_preprocessor(self, batch, training):
        return dict(inputs=batch)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        assert mode == "tensor"
        x = self.last((self.first(inputs) + 1).relu().mean((2, 3)))
        return (x, x) if self.pair else x


def exported(monkeypatch, file, agree=None, net=None, batches=1, int4=False):
    """Export; ``agree`` gives the agreeing part of argmaxes in place of the true one, by turn."""
    net = quantize(net or Net(), LSQ8, LSQ8).eval()
    calibrate(net, BATCHES)
    monkeypatch.setattr(Runner, "build_dataloader", lambda loader: BATCHES)
    seen = []

    def count(found, wanted):
        seen.append(wanted)
        return (round(agree.pop(0) * 10_000), 10_000)

    if agree:
        monkeypatch.setattr(validate, "agreement", count)
    cfg = Config(dict(val_dataloader=dict(batch_size=8)))
    return validate.export_checked(net, cfg, file, batches, int4), seen


def operators(file):
    return [node.op_type for node in onnx.load(file).graph.node]


def test_the_fast_form_comes_first(tmp_path, monkeypatch):
    file = tmp_path / "a.onnx"
    text, seen = exported(monkeypatch, file, [1.0, 0.998], batches=2)
    assert text.startswith(f"{file}: fast, {file.stat().st_size:,} bytes; 19980 of 20000 argmaxes")
    assert operators(file).count("QuantizeLinear") == 3
    assert "batch_size=8" in Session(file).config
    assert [len(batch) for batch in seen] == [8, 8]


def test_the_exact_form_comes_next(tmp_path, monkeypatch):
    text, _ = exported(monkeypatch, tmp_path / "a.onnx", [0.9989, 1.0])
    assert text.startswith(f"{tmp_path / 'a.onnx'}: exact, ")
    assert operators(tmp_path / "a.onnx").count("QuantizeLinear") == 2


def test_int4_is_as_asked(tmp_path, monkeypatch):
    text, _ = exported(monkeypatch, tmp_path / "a.onnx", [1.0], int4=True)
    assert text.startswith(f"{tmp_path / 'a.onnx'}: int4, ")


def test_all_outputs_count(tmp_path, monkeypatch):
    text, _ = exported(monkeypatch, tmp_path / "a.onnx", net=Net(pair=True))
    assert "16 of 16 argmaxes" in text
    with pytest.raises(InputError, match="is not exported"):
        exported(monkeypatch, tmp_path / "b.onnx", [1.0, 0.9] * 2, net=Net(pair=True))


def test_maps_may_agree_less(tmp_path, monkeypatch):
    class Maps(Net):
        def forward(self, *args, **kwargs):
            return super().forward(*args, **kwargs)[..., None, None]

    text, _ = exported(monkeypatch, tmp_path / "a.onnx", [0.991], net=Maps())
    assert ": fast, " in text
    with pytest.raises(InputError, match="is not exported"):
        exported(monkeypatch, tmp_path / "b.onnx", [0.989] * 2, net=Maps())


def test_no_file_that_disagrees(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="is not exported.*9989 of 10000 argmaxes"):
        exported(monkeypatch, tmp_path / "a.onnx", [0.9, 0.9989])
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="is not exported"):
        exported(monkeypatch, tmp_path / "a.onnx", [0.9], int4=True)
    assert not list(tmp_path.iterdir())


def test_refusals(tmp_path, monkeypatch):
    (tmp_path / "a.onnx").write_bytes(b"mine")
    with pytest.raises(InputError, match="a.onnx exists"):
        exported(monkeypatch, tmp_path / "a.onnx", [0.9, 0.9])
    assert (tmp_path / "a.onnx").read_bytes() == b"mine"


def test_argmaxes():
    classes = np.array([[1.0, 2], [4, 3], [0, 1]])
    assert validate.agreement(classes, np.array([[1.0, 2], [3, 4], [0, 1]])) == (2, 3)
    maps = np.zeros((2, 3, 4, 5))  # of each map the place, not its row or the best map
    maps[:, :, 1, 2] = 1
    beside, away = maps.copy(), maps.copy()
    beside[0, 0, 2, 1] = beside[0, 1, 0, 2] = 2  # next to it, one of them diagonally
    assert validate.agreement(beside, maps) == (6, 6)
    away[1, 2, 1, 4] = away[0, 1, 3, 2] = 2
    assert validate.agreement(away, maps) == (4, 6)
    edges = np.zeros((1, 1, 4, 5)), np.zeros((1, 1, 4, 5))
    edges[0][0, 0, 1, 4] = edges[1][0, 0, 2, 0] = 1  # next to each other in memory only
    assert validate.agreement(*edges) == (0, 1)
    line = np.eye(9)[None, [4, 4, 4, 4]]
    assert validate.agreement(np.eye(9)[None, [2, 4, 7, 6]], line) == (3, 4)
