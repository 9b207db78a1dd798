"""ONNX Runtime computes what the fake-quant model does."""

import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from tasks.quantization.calibrate import calibrate
from tasks.quantization.convert import quantize
from tasks.quantization.export.onnx import save_onnx
from tasks.quantization.export.validate import agreement, run


def model(weight, activation):
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 36, 5),
    )
    nn.init.normal_(net[1].weight)  # negative factors, too
    nn.init.uniform_(net[1].running_var, 0.5, 2)
    net = quantize(net, weight, activation, first_last_bits=None).eval()
    calibrate(net, [torch.randn(64, 3, 8, 8)])
    return net


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
@pytest.mark.parametrize("int4", [False, True])
def test_outputs(tmp_path, bits, int4):
    net = model(dict(type="LSQ", bits=bits, per_channel=True), dict(type="LSQ", bits=bits))
    x = torch.randn(1000, 3, 8, 8)
    file = save_onnx(net, x[:2], tmp_path / "a.onnx", form="int4" if int4 else "exact")
    with torch.no_grad():
        wanted = net(x).numpy()
    same, count = agreement(run(file, [x])[0], wanted)
    assert same >= 0.999 * count


def test_refusals(tmp_path):
    lsq = dict(type="LSQ", bits=4)
    net, x = model(lsq, dict(type="LSQPlus", bits=4)), torch.randn(2, 3, 8, 8)
    with pytest.raises(InputError, match="offset is no whole number"):
        save_onnx(net, x, tmp_path / "a.onnx")
    net = model(dict(type="DoReFaWeight", bits=8), lsq)
    with pytest.raises(InputError, match="levels -255 to 255"):
        save_onnx(net, x, tmp_path / "a.onnx")
