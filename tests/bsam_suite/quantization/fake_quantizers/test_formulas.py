"""Outputs and gradients are the papers', written here again in NumPy, to 1e-12 in float64."""

import numpy as np
import pytest
import torch

from bsam_suite.quantization import (
    LSQ,
    PACT,
    DoReFaActivation,
    DoReFaWeight,
    EMAFakeQuantizer,
    LSQPlus,
    MinMaxFakeQuantizer,
)

SHAPE = (4, 3, 5, 5)


def values(seed, shape=SHAPE, scale=1.0):
    return torch.from_numpy(np.random.default_rng(seed).normal(0, scale, shape))


def run(quantizer, x, **parameters):
    """Output, gradients of x and of the parameters given, for a fixed gradient of the output."""
    quantizer = quantizer.double()
    with torch.no_grad():
        for name, value in parameters.items():
            getattr(quantizer, name).copy_(torch.as_tensor(value))
        quantizer.initialized.fill_(True)
    x = x.clone().requires_grad_()
    out = quantizer(x)
    grad = values(99, x.shape)
    out.backward(grad)
    results = [out.detach(), x.grad, *(getattr(quantizer, name).grad for name in parameters)]
    return grad.numpy(), [r.numpy() for r in results]


def rows(x, dim):
    """x as (R, K)."""
    return x.reshape(1, -1) if dim is None else np.moveaxis(x, dim, 0).reshape(x.shape[dim], -1)


def column(p):
    return np.asarray(p, float).reshape(-1, 1)


def check(results, expected, dim):
    out, grad_x, *grads = results
    close(rows(out, dim), expected[0])
    close(rows(grad_x, dim), expected[1])
    assert len(grads) == len(expected) - 2
    for got, want in zip(grads, expected[2:]):
        close(got, want)


def close(got, want):
    scale = max(1.0, np.abs(want).max())
    assert np.abs(got - want).max() <= 1e-12 * scale


CASES = [("weight", None), ("weight", 0), ("weight", 1), ("activation", None), ("activation", 1)]


def parameter(dim, low, high):
    return np.linspace(low, high, SHAPE[dim]) if dim is not None else np.array([high])


def build(cls, bits, kind, dim, **kwargs):
    channels = None if dim is None else SHAPE[dim]
    return cls(bits, kind=kind, channels=channels, dim=dim, **kwargs)


@pytest.mark.parametrize("bits", [2, 3, 8])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("kind, dim", CASES)
def test_lsq(path, bits, signed, kind, dim):
    qn, qp = (2 ** (bits - 1), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    step = parameter(dim, 0.3, 1.2) / qp
    x = values(0)
    quantizer = build(LSQ, bits, kind, dim, signed=signed)
    grad, results = run(quantizer, x, scale=step)

    v, g, s = rows(x.numpy(), dim), rows(grad, dim), column(step)
    r = v / s
    below, above = r <= -qn, r >= qp
    n = v.shape[1] if kind == "weight" else v.shape[1] / SHAPE[0]
    grad_s = np.where(below, -qn, np.where(above, qp, np.round(r) - r))
    expected = [
        np.round(np.clip(r, -qn, qp)) * s,
        np.where(below | above, 0, g),
        (g * grad_s).sum(1) / np.sqrt(n * qp),
    ]
    assert below.any() and above.any() and not (below | above).all()
    check(results, expected, dim)


@pytest.mark.parametrize("dim", [None, 0])
def test_lsq_binary_weights(dim):
    step = parameter(dim, 0.3, 0.9)
    x = values(1)
    grad, results = run(build(LSQ, 1, "weight", dim), x, scale=step)
    v, g, s = rows(x.numpy(), dim), rows(grad, dim), column(step)
    sign, r = np.where(v >= 0, 1, -1), v / s
    inside = np.abs(r) < 1
    grad_s = np.where(inside, sign - r, sign)
    expected = [sign * s, np.where(inside, g, 0), (g * grad_s).sum(1) / np.sqrt(v.shape[1])]
    check(results, expected, dim)


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("dim", [None, 1])
def test_lsq_plus(path, bits, dim):
    top = 2**bits - 1
    step, offset = parameter(dim, 0.6, 1.5) / top, parameter(dim, -0.4, -0.1)
    x = values(2)
    quantizer = build(LSQPlus, bits, "activation", dim, signed=False)
    grad, results = run(quantizer, x, scale=step, offset=offset)
    v, g, s, beta = rows(x.numpy(), dim), rows(grad, dim), column(step), column(offset)
    r = (v - beta) / s
    below, above = r <= 0, r >= top
    scale = 1 / np.sqrt(v.shape[1] / SHAPE[0] * top)
    grad_s = np.where(below, 0, np.where(above, top, np.round(r) - r))
    expected = [
        np.round(np.clip(r, 0, top)) * s + beta,
        np.where(below | above, 0, g),
        (g * grad_s).sum(1) * scale,
        (g * (below | above)).sum(1) * scale,
    ]
    assert below.any() and above.any() and not (below | above).all()
    check(results, expected, dim)


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("dim", [None, 1])
def test_pact(path, bits, signed, dim):
    alpha = parameter(dim, 0.5, 1.5)
    x = values(3)
    quantizer = build(PACT, bits, "activation", dim, signed=signed)
    grad, results = run(quantizer, x, alpha=alpha)
    v, g, a = rows(x.numpy(), dim), rows(grad, dim), column(alpha)
    steps = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    low = -a if signed else 0 * a
    y = np.clip(v, low, a)
    expected = [
        np.round(y * steps / a) * a / steps,
        np.where((v >= low) & (v < a), g, 0),
        (g * (v >= a)).sum(1) - signed * (g * (v < low)).sum(1),
    ]
    assert (v < low).any() and (v >= a).any()
    check(results, expected, dim)


@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("dim", [None, 0])
def test_dorefa_weights(path, bits, dim):
    x = values(4)
    grad, results = run(build(DoReFaWeight, bits, "weight", dim), x)
    r, g = rows(x.numpy(), dim), rows(grad, dim)
    n = 2**bits - 1
    t = np.tanh(r)
    m = np.abs(t).max(1, keepdims=True)
    out = 2 * np.round(n * (t / (2 * m) + 0.5)) / n - 1
    # d out / d r_j of the sum over i of g_i t_i / m: through t_j, and through m at the largest.
    grad_t = g / m
    largest = np.abs(t).argmax(1)
    for row, k in enumerate(largest):
        grad_t[row, k] -= np.sign(t[row, k]) * (g[row] * t[row]).sum() / m[row, 0] ** 2
    check(results, [out, grad_t * (1 - t**2)], dim)


@pytest.mark.parametrize("dim", [None, 0])
def test_dorefa_binary_weights(dim):
    x = values(5)
    grad, results = run(build(DoReFaWeight, 1, "weight", dim), x)
    r, g = rows(x.numpy(), dim), rows(grad, dim)
    mean = np.abs(r).mean(1, keepdims=True)
    check(results, [np.where(r >= 0, mean, -mean), g], dim)


def test_dorefa_activations(path):
    x = values(6)
    grad, results = run(DoReFaActivation(3), x)
    r = x.numpy()
    expected = [np.round(np.clip(r, 0, 1) * 7) / 7, np.where((r >= 0) & (r <= 1), grad, 0)]
    check(results, [e.reshape(1, -1) for e in expected], None)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("cls", [MinMaxFakeQuantizer, EMAFakeQuantizer])
def test_ranges(cls, signed):
    x = values(7) + 0.5
    quantizer = cls(4, kind="activation", signed=signed, channels=3, dim=1).double()
    quantizer.initialize(x)
    wide = 2 * x
    quantizer.eval()  # the range stays that of x
    grad, results = run(quantizer, wide)
    v, g, seen = rows(wide.numpy(), 1), rows(grad, 1), rows(x.numpy(), 1)
    low, high = np.minimum(seen.min(1), 0)[:, None], np.maximum(seen.max(1), 0)[:, None]
    if signed:
        scale, zero, n, p = np.maximum(-low, high) / 7, 0, -8, 7
    else:
        scale, n, p = (high - low) / 15, 0, 15
        zero = np.round(-low / scale)
    r = v / scale + zero
    expected = [
        (np.clip(np.round(r), n, p) - zero) * scale,
        np.where((r >= n) & (r <= p), g, 0),
    ]
    assert (r > p).any()
    check(results, expected, 1)


def at(quantizer, x, **parameters):
    """Gradients where the output's gradient is 1: of each x, and of the parameters."""
    quantizer = quantizer.double()
    with torch.no_grad():
        for name, value in parameters.items():
            getattr(quantizer, name).fill_(value)
        quantizer.initialized.fill_(True)
    x = torch.tensor(x, dtype=torch.float64).requires_grad_()
    quantizer(x).sum().backward()
    return x.grad.tolist(), [getattr(quantizer, name).grad.item() for name in parameters]


def test_edges_of_the_range():
    """The unrounded value decides, and each paper's own <, <= at the ends."""
    # LSQ, 3 bits signed, s = 0.5: -4 < v / s < 3. 1.4 / 0.5 = 2.8 rounds to the bound 3 but lies
    # inside; 1.5 / 0.5 = 3 lies at the bound, outside.
    grads, _ = at(LSQ(3, kind="weight"), [-2.0, -1.9, 1.4, 1.5, 1.6], scale=0.5)
    assert grads == [0, 1, 1, 0, 0]
    # LSQ+, p = 3, beta = 1: 0 < (x - 1) / 0.5 < 3; beta has its gradient at and beyond the ends.
    grads, (_, beta) = at(LSQPlus(2, signed=False), [1.0, 1.1, 2.4, 2.5], scale=0.5, offset=1.0)
    assert grads == [0, 1, 1, 0] and beta == pytest.approx(2 / 3**0.5)
    # PACT: 0 <= x < alpha; at alpha the gradient is alpha's. 1.3 / (1.3 / 15) is not exactly 15.
    grads, (alpha,) = at(PACT(4, signed=False), [-0.1, 0.0, 1.29, 1.3], alpha=1.3)
    assert grads == [0, 1, 1, 0] and alpha == 1
    grads, _ = at(DoReFaActivation(2), [-0.1, 0.0, 1.0, 1.1])
    assert grads == [0, 1, 1, 0]


def test_half_is_rounded_to_even():
    quantizer = LSQ(3, kind="weight").double()
    quantizer.initialized.fill_(True)
    x = torch.tensor([0.5, 1.5, -0.5, -1.5, 2.5], dtype=torch.float64)
    assert quantizer(x).tolist() == [0, 2, 0, -2, 2]


def test_negative_step_counts_by_magnitude():
    x = values(8)
    grad, plus = run(LSQ(3, kind="weight"), x, scale=[0.3])
    grad, minus = run(LSQ(3, kind="weight"), x, scale=[-0.3])
    assert np.array_equal(plus[0], minus[0]) and np.array_equal(plus[1], minus[1])
    assert np.allclose(plus[2], -minus[2]) and plus[2] != 0


def test_second_derivative_of_lsq():
    """With create_graph: ds = sum g (round(v/s) - v/s) / sqrt(N Q_P), so d ds / dv = -g / s ..."""
    quantizer = LSQ(4, kind="weight").double()
    with torch.no_grad():
        quantizer.scale.fill_(0.5)
        quantizer.initialized.fill_(True)
    x = torch.tensor([0.3, -0.8, 1.1], dtype=torch.float64, requires_grad=True)
    g = torch.tensor([1.0, 2.0, -3.0], dtype=torch.float64)
    (ds,) = torch.autograd.grad((quantizer(x) * g).sum(), quantizer.scale, create_graph=True)
    (second,) = torch.autograd.grad(ds.sum(), x)
    assert torch.allclose(second, -g / 0.5 / (3 * 7) ** 0.5, rtol=1e-12)
