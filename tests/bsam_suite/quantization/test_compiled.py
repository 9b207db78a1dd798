"""The compiled path: falls back where it cannot be had, and is compiled once for all shapes."""

import warnings

import pytest
import torch

from bsam_suite.quantization import LSQ, compiled
from bsam_suite.quantization.compiled import Compiled
from bsam_suite.quantization.fake_quantizers.lsq import LSQ_FORMULA


def double(x, y):
    return 2 * x + y


X = torch.arange(6.0).view(2, 3)


def reals(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def broken(monkeypatch):
    """PyTorch without a compiler."""
    calls = []

    def fails(*args, **kwargs):
        def run(*arguments):
            calls.append(arguments)
            raise RuntimeError("no working compiler\nand more")

        return run

    monkeypatch.undo()
    monkeypatch.setattr(torch, "compile", fails)
    monkeypatch.setattr(compiled, "_warned", False)
    return calls


def test_falls_back_and_warns_once(broken):
    first, second = Compiled(double), Compiled(double)
    with pytest.warns(UserWarning, match=r"without torch.compile \(RuntimeError: no working com"):
        assert torch.equal(first(X, X), 3 * X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(second(X, X), 3 * X)
        assert torch.equal(first(X, X), 3 * X)
    assert len(broken) == 2  # each tried once


def test_a_wrong_argument_is_not_taken_for_a_missing_compiler(broken):
    function = Compiled(double)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeError, match="size of tensor"):
            function(X, torch.zeros(7))
    assert function._variants[("cpu", torch.float32, False)].run is not double


def test_no_kernel_for_each_shape(compiled):
    """Layers of a network: channels, kernels, batches, bits and signs differ; kernels do not."""
    counters = torch._dynamo.utils.counters["stats"]

    def layer(out, inputs, size, bits):
        weight = torch.nn.Parameter(reals(out, inputs, size, size))
        LSQ(bits, kind="weight", channels=out).initialize(weight)(weight).sum().backward()
        x = reals(2, inputs, 7, 7).relu().requires_grad_()
        LSQ(bits).initialize(x)(x).sum().backward()
        assert x.grad.any() and weight.grad.any()

    layer(8, 3, 3, 8)
    layer(9, 600, 3, 4)  # rows of more than 4096 values have a kernel of their own
    layer(6, 500, 1, 2)
    graphs = counters["unique_graphs"]
    for number in range(12):
        layer(5 + number, 11 + 3 * number, 1 + number % 3, 2 + number % 4)
        layer(5 + number, 450 + number, 3, 2 + number % 4)
    assert counters["unique_graphs"] <= graphs + 2
    runs = [v.run for v in LSQ_FORMULA.forward._variants.values()]
    assert LSQ_FORMULA.forward.plain not in runs and runs


def test_each_dtype_has_pytorchs_recompilations_for_itself(compiled):
    """The limit is PyTorch's, for each code object; at the limit it would not compile at all."""
    function = Compiled(double)
    with torch._dynamo.config.patch(recompile_limit=1), warnings.catch_warnings():
        warnings.simplefilter("error")
        for x in (X, X.double()):
            assert torch.equal(function(x, x), 3 * x)
    assert all(variant.run is not double for variant in function._variants.values())


def test_compiled_forward_is_bit_exact(path):
    """Weights exported by their codes are those that training used."""
    x = reals(16, 300)
    quantizer = LSQ(3, kind="weight", channels=16).initialize(x)
    assert torch.equal(quantizer(x), quantizer.codes(x).dequantize())
