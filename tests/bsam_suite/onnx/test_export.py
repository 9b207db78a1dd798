"""Float models as ONNX: ONNX Runtime computes what PyTorch does."""

import numpy as np
import onnx
import pytest
import torch
from mmengine.registry import MODELS

from bsam_suite.compat import mend
from bsam_suite.engine.config import load_config
from bsam_suite.errors import InputError
from bsam_suite.onnx import command
from bsam_suite.onnx.session import Session
from bsam_suite.onnx.trace import Outputs, trace
from bsam_suite.onnx.trained import load_trained, validation_inputs

CONFIG = "configs/classification/resnet18_sgd.py"


@pytest.fixture
def checkpoint(tmp_path):
    """A random ResNet-18 of width 4 for digits, with statistics that are not the first ones."""
    mend()
    model = MODELS.build(load_config(CONFIG, OPTIONS).model).train()
    model(torch.randn(64, 3, 16, 16), None)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / "a.pth")
    return str(tmp_path / "a.pth")


OPTIONS = {"model.net.width": 4}


def test_a_classifier(checkpoint, tmp_path):
    text = command.export(CONFIG, checkpoint, str(tmp_path / "a.onnx"), 2, OPTIONS)
    assert text.endswith(" on 360 inputs") and f"{(tmp_path / 'a.onnx').stat().st_size:,}" in text
    session = Session(tmp_path / "a.onnx")
    assert "width=4" in session.config
    cfg, model = load_trained(CONFIG, checkpoint, OPTIONS)
    assert not model.training
    (x,) = validation_inputs(cfg, model, 1)  # pixels have a mean of 0.3
    assert x.mean().abs() < 0.1 and x.std() == pytest.approx(1, abs=0.1)
    model = MODELS.build(load_config(CONFIG, OPTIONS).model).double().eval()
    model.load_state_dict(torch.load(checkpoint)["state_dict"])
    for n in (1, 5):
        x = torch.randn(n, 3, 16, 16)
        torch.testing.assert_close(session(x).double(), model(x.double()), rtol=0, atol=1e-5)


class Pair(torch.nn.Module):
    def forward(self, inputs, data_samples, mode):
        return inputs.sum(1), inputs * torch.tensor([[2.0], [3.0]])


def test_several_outputs(tmp_path):
    x = torch.randn(3, 2, 4)
    onnx.save(trace(Outputs(Pair()), x, "a"), tmp_path / "a.onnx")
    found = Session(tmp_path / "a.onnx")(x[:1])
    assert Session(tmp_path / "a.onnx").config is None
    wanted = (x[:1].sum(1), torch.stack([2 * x[:1, 0], 3 * x[:1, 1]], 1))
    torch.testing.assert_close(found, wanted)
    assert command.difference((wanted[0], wanted[1] + 0.1), wanted) == pytest.approx(
        0.1 / wanted[1].abs().max().item()
    )


def test_what_is_refused(checkpoint, tmp_path):
    def refused(match, out="b.onnx", batches=1, path=checkpoint):
        with pytest.raises(InputError, match=match):
            command.export(CONFIG, path, str(tmp_path / out), batches, OPTIONS)
        assert not (tmp_path / "b.onnx").exists()

    refused("give a name that ends in .onnx", out="b.pth")
    refused("--batches 0", batches=0)
    refused("a.pth exists|ends in .onnx", out="a.pth")
    refused("does not exist", path=str(tmp_path / "none.pth"))
    torch.save(dict(state_dict={}), tmp_path / "other.pth")
    refused("other.pth is of another model", path=str(tmp_path / "other.pth"))
    (tmp_path / "mine.onnx").write_bytes(b"mine")
    refused("mine.onnx exists", out="mine.onnx", path=str(tmp_path / "none.pth"))  # before work
    with pytest.raises(InputError, match="mine.onnx cannot be read by ONNX Runtime"):
        Session(tmp_path / "mine.onnx")


def test_a_file_that_computes_otherwise_is_refused(checkpoint, tmp_path, monkeypatch):
    """The first layer's weights are a tenth of a percent larger in it."""

    def bent(*args):
        found = trace(*args)
        weight = next(tensor for tensor in found.graph.initializer if len(tensor.dims) == 4)
        larger = onnx.numpy_helper.to_array(weight) * np.float32(factor)
        weight.CopyFrom(onnx.numpy_helper.from_array(larger, weight.name))
        return found

    monkeypatch.setattr(command, "trace", bent)
    factor = 1 + 1e-3
    with pytest.raises(InputError, match=r"ONNX Runtime is off by [1-9]\.\de-0[34]"):
        command.export(CONFIG, checkpoint, str(tmp_path / "b.onnx"), 1, OPTIONS)
    assert not (tmp_path / "b.onnx").exists()
    factor = 1.0
    command.export(CONFIG, checkpoint, str(tmp_path / "b.onnx"), 1, OPTIONS)
