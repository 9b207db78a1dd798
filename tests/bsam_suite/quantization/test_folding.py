"""Folding keeps what a model computes in evaluation, and refuses what it would break."""

import copy

import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.quantization.fold_batch_norm import FoldedBatchNorm, fold_batch_norms


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
    model = nn.Sequential(nn.Linear(3, 3), settled(nn.BatchNorm1d(3)).float()).eval()
    x = torch.randn(2, 3)
    wanted = model(x)
    fold_batch_norms(model)
    for part in (copy.deepcopy(model), model, copy.deepcopy(model)):
        assert isinstance(part[1], FoldedBatchNorm)
        torch.testing.assert_close(part(x), wanted)


class Net(nn.Module):
    """A convolution, a batch norm behind it, and what a function makes of them."""

    def __init__(self, run, layer=None, norm=None):
        super().__init__()
        self.conv = layer or nn.Conv2d(3, 4, 3, bias=False)
        self.norm = settled(norm or nn.BatchNorm2d(4))
        self.other = settled(nn.BatchNorm2d(4))
        self.run = run

    def forward(self, x):
        return self.run(self, x)


def pair(net, x):
    return net.norm(net.conv(x))


def with_relu_between(net, x):
    y = net.conv(x)
    y.relu_()
    return net.norm(y)


def with_zeros_between(net, x):
    y = net.conv(x)
    y[:, 0] = 0
    return net.norm(y)


def keeping(net, x):
    net.kept = net.conv(x)
    return net.norm(net.kept) + net.kept.mean()


REFUSED = {
    "skip": lambda net, x: net.norm(y := net.conv(x)).relu() + y,
    "returned": lambda net, x: (net.norm(y := net.conv(x)), dict(aside=[y])),
    "in-place activation": with_relu_between,
    "in-place zeros": with_zeros_between,
    "function between": lambda net, x: net.norm(torch.relu(net.conv(x))),
    "another norm": lambda net, x: net.norm(net.conv(x)) + net.other(net.conv(-x)),
    "no norm": lambda net, x: net.norm(net.conv(x)) + net.conv(-x),
    "values": lambda net, x: net.norm(y := net.conv(x)) * float(y.detach().abs().max()),
    "attribute": keeping,
    "weight": lambda net, x: pair(net, x) + nn.functional.conv2d(-x, net.conv.weight),
    "weight's values": lambda net, x: pair(net, x) + net.conv.weight.square().sum(),
    "weight only": lambda net, x: net.norm(nn.functional.conv2d(x, net.conv.weight)),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_used_elsewhere_too_is_refused(case, training):
    net = Net(REFUSED[case]).double().train(training)
    x = torch.randn(2, 3, 6, 6).double()
    net(x)
    assert fold_batch_norms(net) == [("conv", "norm")]
    for _ in range(2):
        with pytest.raises(InputError, match=r"norm .*conv.*fold_batch_norm=False"):
            net(x)
        assert type(net.conv.weight) is nn.Parameter  # also after a failure


def test_another_branch_in_a_later_forward_is_refused():
    """Whatever came before; the layer's output counts in every forward."""
    net = Net(lambda net, x: pair(net, x) if x.mean() > 0 else net.conv(x).relu()).double().eval()
    x = torch.rand(2, 3, 6, 6).double()
    fold_batch_norms(net)
    for _ in range(3):
        net(x)
    with pytest.raises(InputError, match="conv, whose output is used elsewhere, too"):
        net(-x)
    net(x)


@pytest.mark.parametrize("shape", [(5, 4, 3), (5, 4, 2, 3)])
def test_features_that_are_not_the_norms_channels_are_refused(shape):
    norm = nn.SyncBatchNorm(4)  # takes any number of dimensions
    net = nn.Sequential(nn.Linear(3, 4), settled(norm)).double().eval()
    x = torch.randn(shape).double()
    fold_batch_norms(net)
    with pytest.raises(InputError, match=f"1 cannot be folded into 0, .* {len(shape)} dimensions"):
        net(x)


def shared(net):
    net.again = nn.Sequential(net.conv, net.other)


def tied(net):
    net.again = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), net.other)
    net.again[0].weight = net.conv.weight


def tied_norms(net):
    net.other.bias = net.norm.bias


class Scaled(nn.Conv2d):
    def forward(self, x):
        return super().forward(3 * x)


class NormWithActivation(nn.BatchNorm2d):
    """As timm's BatchNormAct2d."""

    def forward(self, x):
        return super().forward(x).relu()


def twice_the_output(module, args, output):
    return 2 * output


LEFT = {
    "layer of several modules": (shared, r"conv is in 2 places"),
    "norm of several modules": (lambda n: setattr(n, "again", n.norm), r"norm is in 2 places"),
    "weight of two layers": (tied, r"conv\.weight is shared"),
    "parameter of two norms": (tied_norms, r"norm\.bias is shared"),
    "hook of the layer": (lambda n: n.conv.register_forward_hook(twice_the_output), "conv has ho"),
    "hook of the norm": (
        lambda n: n.norm.register_forward_hook(twice_the_output),
        "norm has hooks",
    ),
}


@pytest.mark.parametrize("case", LEFT)
def test_what_has_other_owners_is_left_with_a_warning(case):
    change, reason = LEFT[case]
    net = Net(pair).double().eval()
    change(net)
    x = torch.randn(2, 3, 6, 6).double()
    wanted = net(x)
    with pytest.warns(UserWarning, match=rf"norm is not folded: {reason}"):
        assert fold_batch_norms(net) == []
    assert torch.equal(net(x), wanted)


@pytest.mark.parametrize(
    "layer, norm",
    [
        (Scaled(3, 4, 3), None),
        (None, NormWithActivation(4)),
        (nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)), None),
    ],
    ids=["layer", "norm", "weight norm"],
)
def test_classes_of_their_own_are_left(layer, norm):
    net = Net(pair, layer, norm).double().eval()
    x = torch.randn(2, 3, 6, 6).double()
    wanted = net(x)
    assert fold_batch_norms(net) == []
    assert torch.equal(net(x), wanted)


FINE = {
    "twice": lambda net, x: pair(net, x) + pair(net, 2 * x),
    "asked about": lambda net, x: net.norm(y := net.conv(x)) * y.shape[-1] / (y.dim() + len(y)),
    "in-place behind": lambda net, x: pair(net, x).relu_(),
    "asked about the weight": lambda net, x: pair(net, x.to(net.conv.weight.dtype)),
    "checkpointed": lambda net, x: torch.utils.checkpoint.checkpoint(
        lambda z: pair(net, z), x, use_reentrant=False
    ),
}


@pytest.mark.parametrize("case", FINE)
def test_what_belongs_to_the_pair_alone_is_folded(case):
    net = Net(FINE[case]).double().eval()
    block = nn.ModuleDict(dict(a=net, b=net))  # a pair in a module that is shared as a whole
    x = torch.randn(2, 3, 6, 6).double()
    wanted = net(x)
    assert fold_batch_norms(block) == [("a.conv", "a.norm")]
    for mode in (False, True, False):
        torch.testing.assert_close(net.train(mode)(x), wanted, rtol=1e-12, atol=1e-12)
    net(x).sum().backward()
    assert net.conv.weight.grad.abs().sum() > 0


def test_compiled_and_traced_models_stay():
    """Where a forward cannot be watched, it computes the same."""
    net = Net(pair).double().eval()
    fold_batch_norms(net)
    x = torch.randn(2, 3, 6, 6).double()
    wanted = net(x)
    for run in (
        torch.compile(net, backend="eager", fullgraph=True),
        torch.jit.trace(net, x, check_trace=False),
        torch.export.export(net, (x,)).module(),
    ):
        torch.testing.assert_close(run(x), wanted, rtol=1e-12, atol=1e-12)


def test_only_the_layers_that_are_named():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3), nn.BatchNorm1d(3))
    assert fold_batch_norms(model, ["2"]) == [("2", "3")]
    assert type(model[1]) is nn.BatchNorm1d


def test_memory_of_another_parameter_stays():
    net = Net(pair).double().eval()
    view = net.conv.weight.detach()
    before = view.clone()
    assert fold_batch_norms(net) == [("conv", "norm")]
    assert torch.equal(view, before) and not torch.equal(net.conv.weight, before)
