"""Bits, calibration, codes, checkpoints: what all quantizers have in common."""

import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.quantization import (
    LSQ,
    PACT,
    DoReFaActivation,
    DoReFaWeight,
    EMAFakeQuantizer,
    LSQPlus,
    MinMaxFakeQuantizer,
)

WEIGHT = [LSQ, LSQPlus, DoReFaWeight, MinMaxFakeQuantizer]
ACTIVATION = [LSQ, LSQPlus, PACT, DoReFaActivation, MinMaxFakeQuantizer, EMAFakeQuantizer]
ALL = [(c, "weight") for c in WEIGHT] + [(c, "activation") for c in ACTIVATION]


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize(
    "cls, kind, bits",
    [(c, k, bits) for c, k in ALL for bits in (1, 2, 3, 4, 8) if bits >= c.fewest_bits[k]],
)
def test_codes_dequantize_to_the_forward(cls, kind, bits, per_channel):
    x = randn(6, 5, 3, 3).to(memory_format=torch.channels_last)
    quantizer = cls(
        bits, kind=kind, channels=(6 if kind == "weight" else 5) if per_channel else None
    )
    quantizer.initialize(x).eval()
    out, codes = quantizer(x), quantizer.codes(x)
    assert torch.equal(codes.dequantize(), out)
    assert codes.values.shape == x.shape and codes.bit_width == bits
    low, high = codes.quant_min, codes.quant_max
    assert low <= codes.values.min() and codes.values.max() <= high
    assert high - low < 2**bits
    assert len(codes.values.unique()) > 1 and len(out.unique()) <= 2**bits * quantizer.num_scales
    assert out.is_contiguous(memory_format=torch.channels_last) or (
        per_channel and kind != "weight"
    )


@pytest.mark.parametrize("cls, kind", ALL)
@pytest.mark.parametrize("bits", [0, 9, 2.0, True])
def test_bits_out_of_range(cls, kind, bits):
    with pytest.raises(
        InputError, match=rf"bit_width={bits}.*{cls.__name__} for {kind}s: give [12] to 8"
    ):
        cls(bits, kind=kind)


def test_single_bit_is_for_weights():
    with pytest.raises(InputError, match="bit_width=1 in LSQ for activations: give 2 to 8"):
        LSQ(1, kind="activation")


@pytest.mark.parametrize("cls, kind", [(PACT, "weight"), (DoReFaWeight, "activation")])
def test_kind_it_is_not_made_for(cls, kind):
    with pytest.raises(InputError, match=f"{cls.__name__} is made for"):
        cls(4, kind=kind)


def test_signs():
    for cls in (DoReFaActivation, DoReFaWeight):
        with pytest.raises(InputError, match="signed="):
            cls(4, signed=cls is DoReFaActivation)
    with pytest.raises(InputError, match="signed=False in LSQ with bit_width=1"):
        LSQ(1, kind="weight", signed=False)


@pytest.mark.parametrize("cls", [LSQ, PACT, MinMaxFakeQuantizer])
def test_sign_of_activations_is_seen_in_calibration(cls):
    x = randn(8, 4)
    assert cls(4).initialize(x).quant_range[0] < 0
    assert cls(4).initialize(x.relu()).quant_range.tolist() == [0, 15]
    assert cls(4, signed=False).initialize(x).quant_range.tolist() == [0, 15]


def test_initial_values_of_lsq():
    weight, batches = randn(6, 5), [randn(8, 5, seed=s).abs() for s in (1, 2)]
    quantizer = LSQ(3, kind="weight", channels=6).initialize(weight)
    assert torch.allclose(quantizer.scale, 2 * weight.abs().mean(1) / 3**0.5)
    quantizer = LSQ(4)
    quantizer.start_calibration()
    assert all(torch.equal(quantizer(x), x) for x in batches)
    quantizer.finish_calibration()
    assert torch.allclose(quantizer.scale, 2 * torch.cat(batches).mean() / 15**0.5)
    assert torch.allclose(LSQ(1, kind="weight").initialize(weight).scale, weight.abs().mean())


def test_initial_values_of_lsq_plus():
    weight = randn(400, 5) + 0.2
    step = LSQPlus(4, kind="weight").initialize(weight).scale
    assert torch.allclose(step, (weight.mean() + 3 * weight.std(correction=0)) / 8)
    x = nn.functional.silu(3 * randn(64, 8))
    quantizer = LSQPlus(3).initialize(x)
    error = (quantizer(x) - x).square().mean()
    low, high = x.min(), x.max()
    scale = (high - low) / 7
    plain = torch.round((x - low) / scale) * scale + low
    assert error < 0.8 * (plain - x).square().mean()
    assert -0.4 < quantizer.offset + quantizer.quant_range[0] * quantizer.scale < -0.1
    # No range near the one found is closer by more than the search's own grid.
    for factor in (0.8, 1.25):
        with torch.no_grad():
            quantizer.scale.mul_(factor)
            assert (quantizer(x) - x).square().mean() > error
            quantizer.scale.div_(factor)


@pytest.mark.parametrize("bits", [2, 4])
def test_pact_starts_at_the_closest_alpha(bits):
    x = randn(64, 32).relu()
    quantizer = PACT(bits).initialize(x)

    def error(alpha):
        with torch.no_grad():
            quantizer.alpha.fill_(alpha)
        return (quantizer(x) - x).square().mean().item()

    found = quantizer.alpha.item()
    errors = [error(a) for a in torch.linspace(0.1, 4, 200).tolist()]
    assert error(found) <= min(errors) * 1.01


@pytest.mark.parametrize("cls, kind", ALL)
def test_zeros_only(cls, kind):
    quantizer = cls(4, kind=kind).initialize(torch.zeros(4, 4))
    out = quantizer(torch.zeros(4, 4))
    assert torch.isfinite(out).all()
    assert torch.isfinite(quantizer(randn(4, 4))).all()
    if cls is not DoReFaWeight:
        assert not out.any()


def test_uncalibrated_and_without_data():
    quantizer = LSQ(4)
    quantizer.name = "stem.input_quantizer"
    with pytest.raises(InputError, match="stem.input_quantizer is not calibrated: run .*calibrate"):
        quantizer(randn(2, 3))
    quantizer.start_calibration()
    quantizer(torch.zeros(0, 3))
    with pytest.raises(InputError, match="stem.input_quantizer saw no data"):
        quantizer.finish_calibration()


@pytest.mark.parametrize("cls, kind", ALL)
def test_state_dict_round_trip(cls, kind):
    x = randn(6, 5)
    source = cls(4, kind=kind, channels=5, dim=1).initialize(x)
    copy = cls(4, kind=kind, channels=5, dim=1)
    copy.load_state_dict(source.state_dict())
    assert torch.equal(source.eval()(x), copy.eval()(x))
    with pytest.raises(InputError, match="has 4 bits in the checkpoint and 3 in the config"):
        nn.ModuleDict(dict(q=cls(3, kind=kind, channels=5, dim=1))).load_state_dict(
            {"q." + k: v for k, v in source.state_dict().items()}
        )


def test_forward_reads_no_flag_once_calibrated(monkeypatch):
    quantizer = LSQ(4).initialize(randn(4, 4))
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda self: pytest.fail("a tensor's truth"))
    monkeypatch.setattr(torch.Tensor, "item", lambda self: pytest.fail("a tensor's value"))
    x = randn(4, 4).requires_grad_()
    quantizer(x).sum().backward()


@pytest.mark.parametrize("cls, kind", ALL)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_values(dtype, cls, kind):
    """Under autocast activations are half precision, parameters float32: so is the arithmetic."""
    x = randn(8, 4)
    quantizer = cls(4, kind=kind).initialize(x).eval()
    half = x.to(dtype).requires_grad_()
    single = x.to(dtype).float().requires_grad_()
    grad = randn(8, 4, seed=1).to(dtype)
    out, expected = quantizer(half), quantizer(single)
    assert out.dtype == dtype and torch.equal(out, expected.to(dtype))
    out.backward(grad)
    grads = [p.grad.clone() for p in quantizer.parameters()]
    quantizer.zero_grad()
    expected.backward(grad.float())
    assert torch.equal(half.grad, single.grad.to(dtype))
    for got, parameter in zip(grads, quantizer.parameters()):
        assert got.dtype == torch.float32 and torch.equal(got, parameter.grad)


def test_ranges_follow_training_data_only():
    x = randn(8, 4)
    minmax, ema = (
        MinMaxFakeQuantizer(8).initialize(x),
        EMAFakeQuantizer(8, momentum=0.25).initialize(x),
    )
    for quantizer in (minmax, ema):
        quantizer.eval()(5 * x)
        assert quantizer.high == x.max() and quantizer.low == x.min()
        quantizer.train()(5 * x)
    assert minmax.high == 5 * x.max() and minmax.low == 5 * x.min()
    assert torch.allclose(ema.high, 2 * x.max()) and torch.allclose(ema.low, 2 * x.min())
    minmax(x)
    assert minmax.high == 5 * x.max()
    with pytest.raises(InputError, match="momentum=0 in EMAFakeQuantizer"):
        EMAFakeQuantizer(8, momentum=0)


def test_range_used_twice_in_a_forward():
    quantizer = EMAFakeQuantizer(8, momentum=0.5).initialize(randn(4, 4))
    x = randn(4, 4).requires_grad_()
    wanted = quantizer.high
    for factor in (1, 2):
        wanted = (wanted + factor * x.detach().max()) / 2
    quantizer(2 * quantizer(x)).sum().backward()
    assert torch.allclose(quantizer.high, wanted, rtol=0.02)
    assert set(x.grad.unique().tolist()) <= {0.0, 2.0} and (x.grad == 2).any()
    assert x.grad.any()
