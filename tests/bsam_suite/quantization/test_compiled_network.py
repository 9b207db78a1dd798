"""A quantized network under ``torch.compile``: one graph, and the same training."""

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS
from torch import nn

import bsam_suite.engine  # noqa: F401
import tasks.classification.register_all
import tasks.quantization.register_all  # noqa: F401
from bsam_suite.quantization import calibrate

LSQ4 = dict(type="LSQ", bit_width=4)


class Net(nn.Module):
    """One layer of each kind, and a sum of two ways."""

    def __init__(self, num_classes):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, num_classes)

    def forward(self, x):
        x = self.bn(self.conv(x)).relu()
        return self.fc((x + self.bn2(self.conv2(x))).relu().mean((2, 3)))


def trained(perturb_rounded, **compiled):
    """A network after a step of BSAM."""
    torch.manual_seed(0)
    net = dict(type=Net)
    model = MODELS.build(
        dict(
            type="Quantized",
            model=dict(type="ImageClassifier", net=net, num_classes=4, **compiled),
            quantization=dict(weight=LSQ4, activation=LSQ4, perturb_rounded=perturb_rounded),
        )
    ).train()
    assert (model.net._compiled_call_impl is not None) == bool(compiled)
    batch = dict(inputs=torch.randn(6, 3, 8, 8), labels=torch.arange(6) % 4)
    calibrate(model, [batch["inputs"]])
    start = [p.detach().clone() for p in model.parameters()]
    wrapper = dict(type="BSAMOptimWrapper", optimizer=dict(type="SGD", lr=0.1))
    loss = model.train_step(batch, build_optim_wrapper(model, wrapper))["loss"]
    moved = [not torch.equal(p, q) for p, q in zip(start, model.parameters())]
    assert sum(moved) > 0.9 * len(moved)
    return loss, model


@pytest.mark.parametrize("perturb_rounded", [False, True])
def test_a_step_of_bsam_is_the_same(perturb_rounded):
    loss, eager = trained(perturb_rounded)
    # `fullgraph` refuses a graph in pieces.
    wanted = dict(backend="aot_eager", fullgraph=True)
    same_loss, compiled = trained(perturb_rounded, compile=wanted)
    torch.testing.assert_close(same_loss, loss)
    for p, q in zip(compiled.parameters(), eager.parameters()):
        torch.testing.assert_close(p, q, atol=1e-6, rtol=1e-4)


def test_one_graph_for_all_sizes():
    """From the second size of images on PyTorch compiles with symbols for sizes."""
    wanted = dict(backend="aot_eager", fullgraph=True, dynamic=True)
    _, model = trained(False, compile=wanted)
    images = torch.randn(5, 3, 9, 9)
    logits = model.eval().net(images)
    with torch._dynamo.config.patch(disable=True):
        torch.testing.assert_close(logits, model.net(images), atol=1e-5, rtol=1e-4)
