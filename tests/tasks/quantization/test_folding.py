"""Folding keeps what a model computes in evaluation, and refuses what it would break."""

import copy

import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from tasks.quantization.folding import FoldedBatchNorm, fold_batch_norms


def settled(norm):
    """A batch norm after some training: nothing is at its initial value."""
    for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
        if tensor is not None:
            nn.init.uniform_(tensor, 0.3, 2.0)
    return norm.double()


CASES = {
    "conv": (nn.Conv2d(4, 6, 3, groups=2), nn.BatchNorm2d(6), (2, 4, 5, 5)),
    "conv without bias": (nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6), (2, 4, 5, 5)),
    "transposed": (nn.ConvTranspose2d(4, 6, 3, groups=2), nn.BatchNorm2d(6), (2, 4, 5, 5)),
    "linear": (nn.Linear(4, 6), nn.BatchNorm1d(6), (8, 4)),
    "no affine": (nn.Linear(4, 6), nn.BatchNorm1d(6, affine=False), (8, 4)),
}


@pytest.mark.parametrize("case", CASES)
def test_evaluation_stays(case):
    layer, norm, shape = CASES[case]
    model = nn.Sequential(layer.double(), settled(norm), nn.ReLU()).eval()
    x = torch.randn(shape).double()
    folded = copy.deepcopy(model)
    assert fold_batch_norms(folded) == [("0", "1")]
    torch.testing.assert_close(folded(x), model(x), rtol=1e-12, atol=1e-12)
    assert not any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in folded.modules())
    assert (model(x) - model[2](model[0](x))).abs().max() > 0.1


def test_left_alone():
    model = nn.Sequential(
        nn.BatchNorm2d(3),  # before its layer
        nn.Conv2d(3, 4, 1),
        nn.ReLU(),
        nn.BatchNorm2d(4),  # behind a ReLU
        nn.Conv2d(4, 4, 1),
        nn.BatchNorm2d(4, track_running_stats=False),
    )
    assert fold_batch_norms(model) == []


class Crossed(nn.Module):
    """The batch norm registered behind b takes a's output."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.norm = nn.Linear(3, 3), nn.Linear(3, 3), nn.BatchNorm1d(3)

    def forward(self, x):
        return self.norm(self.a(x)) + self.b(x)


def test_a_batch_norm_that_only_seems_to_follow_is_refused_in_the_first_forward():
    model = nn.Sequential(Crossed())
    fold_batch_norms(model)
    with pytest.raises(InputError, match=r"0\.norm stands behind 0\.b .* fold_batch_norm=False"):
        model(torch.randn(2, 3))


def test_a_copy_made_before_the_first_forward_works():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    fold_batch_norms(model)
    for part in (copy.deepcopy(model), model, copy.deepcopy(model)):
        assert isinstance(part[1], FoldedBatchNorm)
        part(torch.randn(2, 3))
        assert not part[0]._forward_hooks  # watched once
