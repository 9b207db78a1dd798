"""How many layers leave the integer kernels, and when a share of equal answers is enough."""

import onnx_ir as ir
import pytest
import torch
from scipy.stats import binomtest
from torch import nn

from bsam_suite.onnx.session import Session
from bsam_suite.quantization import calibrate, quantize
from bsam_suite.quantization.onnx.choose import Agreement, fastest, worst_first
from bsam_suite.quantization.onnx.cost import without_rounding
from bsam_suite.quantization.onnx.export import in_form, quantized_graph
from bsam_suite.quantization.onnx.rounded_outputs import seen_outputs


@pytest.mark.parametrize(
    "same, count", [(359, 360), (357, 360), (7, 8), (360, 360), (0, 5), (1, 1), (16_900, 17_000)]
)
def test_the_interval_is_clopper_and_pearsons(same, count):
    wanted = binomtest(same, count).proportion_ci(0.95, method="exact").high
    assert Agreement(same, count, 0.0).limit == pytest.approx(wanted, abs=1e-8)


class Chain(nn.Module):
    """Convolutions whose outputs go on in float, each with a wider channel beside what counts."""

    widths = (1.0, 300.0, 10.0, 1000.0, 30.0)

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Conv2d(3, 4, 1) for _ in self.widths)
        for layer, width in zip(self.layers, self.widths):
            layer.weight.data[0] *= width
        self.last = nn.Linear(3, 2)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)[:, 1:].tanh()
        return self.last(x.mean((2, 3)))


@pytest.fixture(scope="module")
def chain():
    """The graph, what its layers put out, and the model."""
    lsq = dict(type="LSQ", bit_width=8)
    x = torch.randn(16, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    model = quantize(Chain(), dict(lsq, per_channel=True), lsq).eval()
    calibrate(model, [x])
    graph = quantized_graph(model, x, "a.onnx")
    return graph, seen_outputs(graph, x.numpy()), model, x


def test_what_layers_put_out(chain):
    graph, seen, model, x = chain
    outputs = []
    hooks = [
        layer.register_forward_hook(lambda _, args, output: outputs.append(output))
        for layer in model.layers
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    assert len(seen) == 5
    for (low, high, power), y in zip(seen.values(), outputs):
        assert low == pytest.approx(min(y.min().item(), 0), rel=1e-3)
        assert high == pytest.approx(max(y.max().item(), 0), rel=1e-3)
        assert power == pytest.approx(y.square().mean((0, 2, 3)).numpy(), rel=1e-3)


def test_the_worst_comes_first(chain):
    """The wider its first channel, the less a step of the rounding fits the others."""
    graph, seen, *_ = chain
    widths = dict(zip(seen, Chain.widths))
    assert [widths[name] for name in worst_first(graph, seen)] == [1000, 300, 30, 10, 1]


@pytest.mark.parametrize("needed", range(6))
def test_as_few_layers_as_needed(chain, needed):
    """Agreement comes with the ``needed`` worst layers in float; no other number is written."""
    graph, seen, *_ = chain
    order = worst_first(graph, seen)

    def agreement(made):
        stored = {tensor.name for tensor in made.graph.initializer}
        rounded = sum(f"{name}.zero_point" in stored for name in seen)
        return Agreement(1000 if len(order) - rounded >= needed else 900, 1000, 0.0)

    *_, found = fastest(graph, seen, agreement, 0.999)
    assert found.exact == order[:needed]
    assert found.form == {0: "fast", 5: "exact"}.get(needed, "mixed")


def test_nothing_agrees(chain):
    graph, seen, *_ = chain
    tried = fastest(graph, seen, lambda made: Agreement(900, 1000, 0.0), 0.999)
    assert [t.form for t in tried] == ["fast", "exact"]


def test_the_network_without_rounding(chain):
    graph, _, model, x = chain
    session = Session(without_rounding(graph).SerializeToString())
    kept = {layer: layer.input_quantizer for layer in [*model.layers, model.last]}
    for layer in kept:
        layer.input_quantizer = nn.Identity()
    with torch.no_grad():
        wanted = model(x)
    for layer, quantizer in kept.items():
        layer.input_quantizer = quantizer
    torch.testing.assert_close(session(x), wanted, rtol=1e-5, atol=1e-4)
    kinds = {node.op_type for node in without_rounding(graph).graph.node}
    assert not kinds & {"QuantizeLinear", "DequantizeLinear", "Clip"}


def test_graphs_stay(chain):
    graph, seen, *_ = chain
    before = ir.to_proto(graph).SerializeToString()
    in_form(graph, "fast", seen)
    in_form(graph, "int4", {})
    without_rounding(graph)
    assert ir.to_proto(graph).SerializeToString() == before
