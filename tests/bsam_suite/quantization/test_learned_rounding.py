"""Learned rounding against brute force, nearest rounding and the layers' own outputs."""

import copy
import itertools

import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.quantization import (
    calibrate,
    layer_bits,
    learn_rounding,
    load_packed,
    quantize,
    save_packed,
)
from bsam_suite.quantization.matrix_product import (
    from_product,
    input_vectors,
    rounded_inputs,
    to_product,
)

MIN_MAX = dict(type="MinMaxFakeQuantizer", per_channel=True)
LSQ_PLUS = dict(type="LSQPlus")


class Net(nn.Module):
    """Layers of every kind, in another order than they are called in."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 3)
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8)
        self.up = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

    def forward(self, x):
        x = self.norm(self.stem(x)).relu()
        x = self.up(self.depthwise(x).relu()).flatten(2).transpose(1, 2)
        return self.head(self.attention(x, x, x)[0].mean(1))


def images(n=16, seed=0):
    return torch.randn(n, 3, 6, 6, generator=torch.Generator().manual_seed(seed))


def converted(model, batches, bits, activation=None, **options):
    model = quantize(
        model, MIN_MAX | dict(bit_width=bits), activation, first_last_bit_width=None, **options
    ).eval()
    calibrate(model, batches)
    return model


LAYERS = [
    nn.Linear(5, 4),
    nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), groups=2),
    nn.Conv2d(4, 4, 3, padding="same", padding_mode="reflect", groups=4),
    nn.ConvTranspose2d(4, 6, (3, 2), stride=(2, 3), padding=(0, 1), groups=2, dilation=(2, 1)),
    nn.ConvTranspose2d(4, 2, 1, stride=2, padding=1, output_padding=1),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_layer_is_a_product(layer):
    layer = quantize(layer, MIN_MAX | dict(bit_width=8), first_last_bit_width=None).double()
    x = torch.randn(3, *([5] if isinstance(layer, nn.Linear) else [4, 7, 7])).double()
    layer.bias.data.zero_()
    layer.weight_quantizer = nn.Identity()
    (inputs,) = rounded_inputs(layer, (x,), {})
    matrix = to_product(layer, layer.weight)
    product = input_vectors(layer, inputs) @ matrix.mT  # (G, N, R)
    expected = layer(x)
    if expected.ndim == 4:
        expected = expected.transpose(0, 1).flatten(1).T
    torch.testing.assert_close(product.transpose(0, 1).flatten(1), expected)
    assert torch.equal(from_product(layer, matrix), layer.weight)


@pytest.mark.parametrize("bits, optimal, left", [(4, 0.85, 0.1), (2, 0.65, 0.7)])
def test_against_all_roundings_of_six_weights(bits, optimal, left):
    # The features have something in common, so that rounding errors can cancel.
    x = torch.randn(300, 6) + 2 * torch.randn(300, 1)
    layer = nn.Linear(6, 100, bias=False)
    model = converted(layer, [x], bits)
    codes, weight = model.weight_codes(), layer.weight.detach()
    low = (weight / codes.scale).floor()
    ups = torch.tensor(list(itertools.product([0.0, 1.0], repeat=6)))
    roundings = (low.unsqueeze(1) + ups).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

    def error(weights):  # (100, n, 6)
        return ((weights - weight.unsqueeze(1)) @ x.T).square().mean(2)

    every = error(roundings * codes.scale.unsqueeze(1))
    nearest = error(codes.dequantize().unsqueeze(1)).squeeze(1)
    (said,) = learn_rounding(model, [x], steps=300).values()
    found = error(model.weight.detach().unsqueeze(1)).squeeze(1)
    assert (found <= nearest * 1.0001).all()
    best = every.min(1).values

    def share(errors):  # of the channels with the best of all 64 roundings
        return (errors < best * 1.001).float().mean()

    def excess(errors):
        return (errors / best).log().mean()

    assert share(found) > optimal > share(nearest)
    assert excess(found) < left * excess(nearest)
    power = (weight @ x.T).square().mean(1)
    expected = [(e / power).sum().item() for e in (nearest, found)]
    torch.testing.assert_close(torch.tensor(said), torch.tensor(expected), rtol=1e-3, atol=1e-6)


def outputs(model, x):
    """What each quantized layer gives, attention's projections included."""
    found, hooks = {}, []
    for row in layer_bits(model):
        layer = model.get_submodule(row.name)
        note = lambda _, __, out, name=row.name: found.setdefault(name, out)  # noqa: E731
        hooks.append(layer.register_forward_hook(note))
    model(x)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("activation", [None, LSQ_PLUS | dict(bit_width=6)])
def test_every_kind_of_layer(activation):
    net, x = Net().eval(), images()
    nn.init.normal_(net.norm.weight)  # per-channel signs and sizes
    model = converted(net, [x[:8], x[8:]], 4, activation)
    nearest, before = copy.deepcopy(model), copy.deepcopy(model.state_dict())
    state, ticks = torch.get_rng_state(), []
    model.train()
    errors = learn_rounding(model, [x[:8], x[8:]], steps=100, advance=lambda: ticks.append(1))
    assert model.training and model.stem.weight_quantizer.training
    model.eval()
    assert torch.equal(torch.get_rng_state(), state) and len(ticks) == 6 * 100
    names = ["stem", "depthwise", "up", "attention", "attention.out_proj", "head"]
    assert list(errors) == names  # in the order of their calls
    assert all(e.learned <= e.nearest for e in errors.values())
    assert sum(e.learned < 0.9 * e.nearest for e in errors.values()) >= 3
    with torch.no_grad():
        # The first layer sees the same inputs in all models: its error in full, by hand.
        stems = [outputs(m, x)["stem"] for m in (nearest, model)]
    inputs, power = x, net.stem(x).square().mean((0, 2, 3))
    if activation:
        inputs = model.stem.input_quantizer(x)
        power = net.stem(inputs).square().mean((0, 2, 3))
    for stem, said in zip(stems, errors["stem"]):
        error = ((stem - net.stem(x)).square().mean((0, 2, 3)) / power).sum()
        torch.testing.assert_close(torch.tensor(said), error.detach(), rtol=1e-3, atol=1e-6)
    for name in names:
        ours, theirs = model.get_submodule(name), nearest.get_submodule(name)
        codes, old = ours.weight_codes(), theirs.weight_codes()
        assert torch.equal(codes.scale, old.scale)
        assert torch.equal(codes.dequantize(), ours.quantized_weight())
        original = before[f"{name}.{ours.weight_name}"]
        steps_up = codes.values - (original / old.scale).floor()
        inside = (original / old.scale < 7) & (original / old.scale > -8)
        assert {*steps_up[inside].unique().tolist()} == {0, 1}
        assert codes.values.min() >= -8 and codes.values.max() <= 7
    assert layer_bits(model) == layer_bits(nearest)
    with pytest.raises(InputError, match="head is rounded already: start from the float"):
        learn_rounding(model, [x])
    with pytest.raises(InputError, match="cannot be trained"):
        model.train()(x)


def test_a_later_layer_makes_up_for_the_earlier_ones():
    """With the inputs of the float model alone the errors of earlier layers would only add up."""
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8, bias=False))
    x = torch.randn(200, 8) @ torch.rand(8, 8)
    model = converted(net, [x], 2)
    learn_rounding(model, [x], steps=300)
    y, target = model[0](x), net(x)
    found = (model[1](y) - target).square().mean(0).detach()
    alone = converted(net[1], [net[0](x).detach()], 2)
    learn_rounding(alone, [net[0](x).detach()], steps=300)
    symmetric = (alone(y) - target).square().mean(0).detach()
    assert found.sum() < 0.9 * symmetric.sum()
    assert not torch.equal(alone.weight, model[1].weight)


def test_eight_bits_are_close_to_float_and_runs_repeat():
    net, x = Net().eval(), images()
    models = [converted(net, [x], 8) for _ in range(2)]
    for model in models:
        learn_rounding(model, [x], steps=20)
    error = (models[0](x) - net(x)).norm() / net(x).norm()
    assert 0 < error < 0.02
    for a, b in zip(*(m.state_dict().values() for m in models)):
        assert torch.equal(a, b)


def test_it_is_saved_and_packed_as_any_model(tmp_path):
    net, x = Net().eval(), images()
    model = converted(net, [x], 3, LSQ_PLUS | dict(bit_width=8), fold_batch_norm=True)
    learn_rounding(model, [x], steps=50)
    expected = model(x)
    save_packed(model, tmp_path / "a.safetensors")
    for load in (
        lambda m: load_packed(m, tmp_path / "a.safetensors"),
        lambda m: m.load_state_dict(model.state_dict()),
    ):
        fresh = converted(Net().eval(), [x], 3, LSQ_PLUS | dict(bit_width=8), fold_batch_norm=True)
        load(fresh)
        assert torch.equal(fresh(x), expected)


def test_a_shared_weight_is_rounded_in_the_layer_alone():
    net = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 5, bias=False))
    net[1].weight = net[0].weight
    tokens = torch.arange(5)
    model = converted(net, [tokens], 2)
    embedded = model[0](tokens).clone()
    learn_rounding(model, [tokens], steps=20)
    assert torch.equal(model[0](tokens), embedded)
    assert len(model[1].weight.unique()) < 20


@pytest.mark.parametrize("steps", [0, 1.5, True])
def test_steps(steps):
    with pytest.raises(InputError, match=f"steps={steps} of learned rounding: give a whole number"):
        learn_rounding(converted(nn.Linear(3, 2), [torch.randn(4, 3)], 4), [], steps)


def test_refused():
    x, linear = torch.randn(4, 3), nn.Linear(3, 2)
    with pytest.raises(InputError, match="got no batch to calibrate on: give at least one"):
        learn_rounding(converted(linear, [x], 4), [])
    with pytest.raises(InputError, match="Linear has no quantized layer"):
        learn_rounding(linear, [x])
    dorefa = quantize(linear, dict(type="DoReFaWeight", bit_width=4), first_last_bit_width=None)
    with pytest.raises(InputError, match="DoReFaWeight does not round a weight .*: choose MinMax"):
        learn_rounding(dorefa, [x])

    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.left = nn.Linear(3, 2), nn.Linear(3, 2)

        def forward(self, x):
            return self.used(x)

    half = quantize(Half(), MIN_MAX | dict(bit_width=4))
    with pytest.raises(InputError, match="never reaches left: .* name it in skip"):
        learn_rounding(half, [x])
