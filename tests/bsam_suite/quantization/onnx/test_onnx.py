"""ONNX Runtime computes what the fake-quant model does."""

import onnx
import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.onnx.session import Session
from bsam_suite.optional import need
from bsam_suite.quantization import calibrate, export_onnx, quantize
from tasks.classification.resnet import CIFARResNet18


def converted(net, weight, activation, x):
    for norm in [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]:
        nn.init.normal_(norm.weight, std=0.005)  # negative factors, too
        nn.init.normal_(norm.bias)
        nn.init.uniform_(norm.running_var, 0.5e-5, 2e-5)  # so that epsilon counts
    net = quantize(net, weight, activation, first_last_bit_width=None).eval()
    calibrate(net, [x])
    return net


def model(weight, activation):
    """Nothing but a layer of 8 channels and one of 5; a rounding behind each convolution."""
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 36, 5),
    )
    return converted(net, weight, activation, torch.randn(64, 3, 8, 8))


def lsq(bits):
    return dict(type="LSQ", bit_width=bits, per_channel=True), dict(type="LSQ", bit_width=bits)


def operators(file, tmp_path):
    """Kinds of the nodes that ONNX Runtime makes of a file."""
    runtime = need("onnxruntime", "export")
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # what is written holds on this processor only
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]


def batch_norms(file):
    """How many are left in a file."""
    return [node.op_type for node in onnx.load(file).graph.node].count("BatchNormalization")


def check_close(net, file, x, share=0.99):
    """Outputs are the same; a value next to the middle of a step may go either way."""
    with torch.no_grad():
        wanted = net(x)
    difference = (Session(file)(x) - wanted).abs() / wanted.abs().max()
    assert (difference < 1e-5).float().mean() > share
    assert difference.max() < 0.05


@pytest.mark.parametrize("bits", [8, 4, 3, 2])
@pytest.mark.parametrize("form", ["exact", "fast", "int4"])
def test_outputs(tmp_path, bits, form):
    net, x = model(*lsq(bits)), torch.randn(1000, 3, 8, 8)
    file = export_onnx(net, x[:2], tmp_path / "a.onnx", form)
    check_close(net, file, x, share=0.6 if form == "fast" else 0.99)


@pytest.mark.parametrize("activation", ["LSQ", "PACT", "EMAFakeQuantizer", "DoReFaActivation"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_every_grid(tmp_path, activation, per_channel):
    """Per channel of weights and inputs, signed and not, with a zero point and without."""
    weight = dict(type="LSQ", bit_width=4, per_channel=per_channel)
    grid = dict(type=activation, bit_width=5)
    if activation != "DoReFaActivation":
        grid["per_channel"] = per_channel
    if activation == "EMAFakeQuantizer":
        grid["signed"] = False
    net, x = model(weight, grid), torch.randn(200, 3, 8, 8) + 0.3
    check_close(net, export_onnx(net, x[:2], tmp_path / "a.onnx"), x)


@pytest.mark.parametrize(
    "weight",
    [
        dict(type="LSQ", bit_width=1),  # a whole number of half steps
        dict(type="DoReFaWeight", bit_width=3),
        dict(type="MinMaxFakeQuantizer", bit_width=4, signed=False),  # a zero point
        dict(type="MinMaxFakeQuantizer", bit_width=8, per_channel=True),
    ],
)
def test_every_weight(tmp_path, weight):
    net, x = model(weight, dict(type="LSQ", bit_width=4)), torch.randn(200, 3, 8, 8)
    check_close(net, export_onnx(net, x[:2], tmp_path / "a.onnx"), x)


def test_transposed_convolution(tmp_path):
    """Its output channels are in the weight's second dimension."""
    net = nn.Sequential(nn.ConvTranspose2d(5, 4, 3, stride=2), nn.Flatten(), nn.Linear(4 * 81, 3))
    x = torch.randn(200, 5, 4, 4)
    net = converted(net, *lsq(4), x)
    for form in ("exact", "int4"):
        check_close(net, export_onnx(net, x[:2], tmp_path / f"{form}.onnx", form), x)


def test_batch_norms_that_stay(tmp_path):
    """Behind a weight of -128 and a negative factor, and behind an output that is used twice."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.norm = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)
            self.second, self.other = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

        def forward(self, x):
            y = self.second(self.norm(self.first(x)))
            return (y + self.other(y)).flatten(1)

    x = torch.randn(200, 3, 5, 5)
    net = converted(Net(), dict(type="LSQ", bit_width=8), dict(type="LSQ", bit_width=4), x)
    with torch.no_grad():
        net.first.weight[:, 0] = -1000.0
        net.norm.weight.fill_(-0.01)
        net.norm.running_var.fill_(1e-4)  # so that epsilon counts
    file = export_onnx(net, x[:2], tmp_path / "a.onnx")
    check_close(net, file, x)
    assert batch_norms(file) == 2


@pytest.mark.long
@pytest.mark.parametrize("bits", [8, 4])
def test_resnet(tmp_path, bits):
    x = torch.randn(16, 3, 16, 16)
    net = quantize(CIFARResNet18(10, width=8).train(), *lsq(bits))
    calibrate(net.eval(), [x])
    with torch.no_grad():
        wanted = net(x)
    for form, integer in ("exact", 0), ("fast", 20), ("int4", 0):
        file = export_onnx(net, x, tmp_path / f"{form}.onnx", form)
        assert operators(file, tmp_path).count("QLinearConv") == integer, form
        found = Session(file)(x)
        assert (found - wanted).norm() < 0.1 * wanted.norm(), form


@pytest.mark.parametrize("bits", [8, 4, 2])
@pytest.mark.parametrize("scale", [0.5, 20.0])
def test_relu6(tmp_path, bits, scale):
    """Whether all values stay below 6 or not, biases do not move the convolution's output."""
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU6(), nn.Conv2d(8, 4, 3, groups=4), nn.ReLU6(), nn.Flatten()
    )
    net.append(nn.Linear(4 * 16, 5))
    net[0].weight.data *= scale
    x = torch.randn(300, 3, 8, 8)
    net = converted(net, *lsq(bits), x)
    for form in ("exact", "int4"):
        check_close(net, export_onnx(net, x[:2], tmp_path / f"{form}.onnx", form), x)


def test_outputs_that_are_rounded(tmp_path):
    """As PyTorch's own fake quantization of these outputs; the last layer's stays as it is."""

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 4, 1)

        def forward(self, x):
            y = self.first(x)
            return self.last(y * 3 + 1), y

    class Last(nn.Module):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def forward(self, x):
            return self.net(x)[0]

    x = torch.randn(20, 3, 6, 6)  # more than are computed at once
    net = quantize(Residual(), *lsq(8), first_last_bit_width=None).eval()
    calibrate(net, [x])
    file = export_onnx(Last(net), x, tmp_path / "a.onnx", "fast")
    with torch.no_grad():
        y = net.first(x)
        low, high = 1.1 * y.min().item(), 1.1 * y.max().item()
        step = (high - low) / 255
        y = torch.fake_quantize_per_tensor_affine(y, step, round(-low / step), 0, 255)
        wanted = net.last(y * 3 + 1)
    found = Session(file)(x)
    near = (found - wanted).abs() < 1e-4 * wanted.abs().max()
    assert near.float().mean() > 0.97
    assert (found - net(x)[0]).abs().max() > 1e-3 * wanted.abs().max()


def test_a_layer_that_is_used_twice(tmp_path):
    """Its weight has one scale, so neither of its two batch norms can go into it."""

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3, padding=1)
            self.first, self.second = nn.BatchNorm2d(4), nn.BatchNorm2d(4)

        def forward(self, x):
            return self.second(self.conv(self.first(self.conv(x)).relu())).amax((2, 3))

    x = torch.randn(200, 4, 8, 8)
    net = converted(Twice(), *lsq(8), x)
    with torch.no_grad():
        wanted = net(x)
    for form in ("exact", "fast"):
        file = export_onnx(net, x[:50], tmp_path / f"{form}.onnx", form)
        found = Session(file)(x)
        assert (found - wanted).norm() < 0.05 * wanted.norm(), form
        assert batch_norms(file) == 2


def test_refusals(tmp_path):
    lsq = dict(type="LSQ", bit_width=4)
    file, x = tmp_path / "a.onnx", torch.randn(2, 3, 8, 8)
    net = model(lsq, dict(type="LSQPlus", bit_width=4))
    with pytest.raises(InputError, match="offset is no whole number"):
        export_onnx(net, x, file)
    net = model(dict(type="DoReFaWeight", bit_width=8), lsq)
    with pytest.raises(InputError, match=r"levels -\d+ to 255"):
        export_onnx(net, x, file)
    net = model(lsq, lsq)
    with pytest.raises(InputError, match="form='int8': give one of exact, fast, int4"):
        export_onnx(net, x, file, "int8")
    assert not file.exists()
    file.write_bytes(b"mine")
    with pytest.raises(InputError, match="a.onnx exists"):
        export_onnx(net, x, file)
    assert file.read_bytes() == b"mine"
