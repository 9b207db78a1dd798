"""Where a sharpness-aware rule perturbs: before rounding, Q(w + e), or after it, Q(w) + e."""

import pytest
import torch
from torch import nn

from bsam_suite.optim import SharpnessOptimizer
from bsam_suite.quantization import quantize
from bsam_suite.sharpness import SAM


@pytest.mark.parametrize("rounded", [False, True])
def test_where_the_perturbation_acts(rounded):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 4, bias=False))
    x = torch.randn(16, 6)
    model = quantize(net, dict(type="LSQ", bit_width=2), None, first_last_bit_width=None,
                     perturb_rounded=rounded)  # fmt: skip
    layer = model[0]
    used = []
    layer.register_forward_hook(lambda *_: used.append(layer._seen.detach()))
    quantized = layer.quantized_weight

    def seen():
        layer._seen = quantized()
        return layer._seen

    layer.quantized_weight = seen
    step = layer.weight_quantizer.scale
    groups = [dict(params=[layer.weight]), dict(params=[step], rho=0.0)]
    optimizer = SharpnessOptimizer(groups, torch.optim.SGD, SAM(rho=0.3), lr=0.1)
    w = layer.weight.detach().clone()

    def closure():
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        return loss

    s = step.detach().clone()
    q = (w / s).clamp(-2, 1).round() * s
    # The gradient at w by hand: straight through where v / s is inside.
    inside = ((w / s > -2) & (w / s < 1)).float()
    g = (2 / (16 * 4)) * (q @ x.T @ x) * inside
    e = 0.3 * g / g.norm()
    optimizer.step(closure)
    here, there = used
    assert torch.equal(here, q)
    wanted = q + e if rounded else ((w + e) / s).clamp(-2, 1).round() * s
    assert torch.allclose(there, wanted, atol=1e-6)
    assert not torch.allclose(there, here)
    optimizer.step(closure)
    expected = (layer.weight.detach() / step.detach()).clamp(-2, 1).round() * step.detach()
    assert torch.allclose(layer.quantized_weight().detach(), expected)  # no rounding is held over
