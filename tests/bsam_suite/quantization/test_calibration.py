"""Calibration: what it sets, what it leaves, what it refuses."""

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from bsam_suite.errors import InputError
from bsam_suite.quantization import calibrate, needs_calibration, quantize
from bsam_suite.quantization.calibration import quantizers

LSQ4 = dict(type="LSQ", bit_width=4)


def net():
    return nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3)
    )


def test_in_float_and_evaluation_mode():
    torch.manual_seed(0)
    model, batches = net(), [torch.randn(8, 4), 3 * torch.randn(8, 4)]
    quantized = quantize(model, LSQ4, LSQ4, first_last_bit_width=None)
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
    assert torch.allclose(quantized[4].input_quantizer.scale, 2 * hidden.mean() / 15**0.5)
    assert quantized[4].input_quantizer.quant_range.tolist() == [0, 15]
    assert quantized[0].input_quantizer.quant_range.tolist() == [-8, 7]


def test_loaders_of_pytorch():
    """Inputs with targets, as a DataLoader collates them, set what the inputs alone do."""
    x, y = torch.randn(24, 4), torch.arange(24)
    wanted = quantize(net(), LSQ4, LSQ4)
    assert calibrate(wanted, x.split(8)) == 3
    expected = [q.scale.item() for q in quantizers(wanted).values() if q.kind == "activation"]
    for data in (TensorDataset(x, y), TensorDataset(x), list(zip(x, y, y))):
        quantized = quantize(net(), LSQ4, LSQ4)
        quantized.load_state_dict(wanted.state_dict())
        for quantizer in quantizers(quantized).values():
            quantizer.reset()
        assert calibrate(quantized, DataLoader(data, batch_size=8)) == 3
        found = [q.scale.item() for q in quantizers(quantized).values() if q.kind == "activation"]
        assert found == expected
    calibrate(quantize(net(), LSQ4, LSQ4), [(x, y)])


class Mean(BaseModel):
    def __init__(self):
        super().__init__()
        self.fc, self.out = nn.Linear(4, 3), nn.Linear(3, 2)

    def forward(self, inputs, data_samples=None, mode="tensor"):
        assert mode == "tensor"
        return self.out(self.fc(torch.stack(inputs)))


def test_loaders_of_mmengine():
    x = torch.rand(8, 4)
    loader = DataLoader(
        [dict(inputs=row, data_samples=None) for row in x], 4, collate_fn=pseudo_collate
    )
    quantized = quantize(Mean(), LSQ4, LSQ4)
    assert calibrate(quantized, loader) == 2
    step = 2 * x.mean() / 255**0.5  # 8 bits, the first layer
    assert torch.allclose(quantized.fc.input_quantizer.scale, step)


@pytest.mark.parametrize("batch", [dict(image=torch.randn(2, 4)), [], [[1.0]], "a", None])
def test_a_batch_that_is_no_inputs(batch):
    quantized = quantize(net(), LSQ4, LSQ4)
    with pytest.raises(InputError, match=rf"batch is a {type(batch).__name__} .*forward=FUNCTION"):
        calibrate(quantized, [batch])
    assert needs_calibration(quantized)


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
