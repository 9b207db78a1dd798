"""Calibration: what it sets, what it leaves, what it refuses."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from bsam_suite.errors import InputError
from tasks.quantization.calibrate import calibrate, needs_calibration
from tasks.quantization.convert import quantize

LSQ4 = dict(type="LSQ", bits=4)


def net():
    return nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3)
    )


def test_in_float_and_evaluation_mode():
    torch.manual_seed(0)
    model, batches = net(), [torch.randn(8, 4), 3 * torch.randn(8, 4)]
    quantized = quantize(model, LSQ4, LSQ4, first_last_bits=None)
    quantized[3].eval()
    assert needs_calibration(quantized)
    before = {k: v.clone() for k, v in quantized.state_dict().items()}
    assert calibrate(quantized, iter(batches)) == 2
    assert not needs_calibration(quantized)
    assert quantized.training and quantized[0].training and not quantized[3].training
    for name, value in quantized.state_dict().items():
        if "quantizer" not in name:
            assert torch.equal(value, before[name]), name
    hidden = model.eval()[:3](torch.cat(batches))
    assert torch.allclose(quantized[4].input_quantizer.step, 2 * hidden.mean() / 15**0.5)
    assert quantized[4].input_quantizer.bounds.tolist() == [0, 15]
    assert quantized[0].input_quantizer.bounds.tolist() == [-8, 7]


def test_other_ways_to_run_the_model():
    quantized = quantize(net(), LSQ4, LSQ4)
    calibrate(quantized, [dict(x=torch.randn(8, 4))], lambda batch: quantized(batch["x"]))
    assert not needs_calibration(quantized)


def test_without_data():
    quantized = quantize(net(), LSQ4, LSQ4)
    with pytest.raises(InputError, match="calibration got no batch: give at least one"):
        calibrate(quantized, [])
    assert needs_calibration(quantized)
    with pytest.raises(InputError, match="0.input_quantizer is not calibrated"):
        quantized(torch.randn(2, 4))  # no longer calibrating
    with pytest.raises(InputError, match="Sequential has no quantizer to calibrate"):
        calibrate(net(), [torch.randn(2, 4)])


class Functional(nn.Module):
    """Takes a layer's weight past the layer, as some attention does."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.third(F.linear(self.first(x), self.second.weight))


def test_a_layer_that_is_never_called():
    for activation in (LSQ4, None):
        quantized = quantize(Functional(), LSQ4, activation)
        with pytest.raises(InputError, match="on 1 batches never called second: .* name the layer"):
            calibrate(quantized, [torch.randn(2, 4)])
    calibrate(quantize(Functional(), LSQ4, LSQ4, skip=["second"]), [torch.randn(2, 4)])


def test_a_failing_forward_leaves_the_model_usable():
    quantized = quantize(net(), LSQ4, LSQ4)
    calibrate(quantized, [torch.randn(8, 4)])
    before = {k: v.clone() for k, v in quantized.state_dict().items()}
    with pytest.raises(RuntimeError):
        calibrate(quantized, [torch.randn(8, 4), torch.randn(8, 5)])
    assert all(torch.equal(v, before[k]) for k, v in quantized.state_dict().items())
    x = torch.randn(8, 4)
    assert quantized.training and not torch.equal(quantized[0](x), F.linear(x, quantized[0].weight))
    assert len(quantized[0].input_quantizer(x).unique()) < x.numel()
