"""A rule that asks for the gradient of an auxiliary batch, in both faces."""

import copy
from contextlib import nullcontext

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn
from torch.func import functional_call

from bsam_suite.engine import SharpnessOptimWrapper
from bsam_suite.errors import InputError
from bsam_suite.optim import SharpnessOptimizer
from bsam_suite.sharpness import SAM, AgnosticSAM, Along, Auxiliary, Here, Rule, perturbed

AGNOSTIC = dict(type="AgnosticSAM", rho=0.3)


def plain_step(net, parts, others, **kwargs):
    """One step of a plain loop: each of ``parts`` and ``others`` is a list of micro-batches."""
    optimizer = SharpnessOptimizer(
        net.parameters(), torch.optim.SGD, AgnosticSAM(rho=0.3), model=net, lr=0.1, **kwargs
    )

    def closure_of(batches):
        def closure():
            optimizer.zero_grad()
            total = 0.0
            for x, y in batches:
                loss = net(x, y)["loss"] / len(batches)
                loss.backward()
                total = total + loss.detach()
            return total

        return closure

    whole = [closure_of(part) for part in parts]
    optimizer.step(whole if len(whole) > 1 else whole[0], auxiliary=closure_of(others))


def formula(net, parts, others):
    """The weights after SGD's step, written out on one flat vector."""
    named = dict(net.named_parameters())
    start = nn.utils.parameters_to_vector(named.values()).detach()

    def grad(w, batches):
        w = w.clone().requires_grad_()
        sizes = w.split([p.numel() for p in named.values()])
        moved = {n: part.view(p.shape) for (n, p), part in zip(named.items(), sizes)}
        losses = [functional_call(net, moved, batch)["loss"] for batch in batches]
        return torch.autograd.grad(sum(losses) / len(losses), w)[0]

    steps = []
    for part, other in zip(parts, others):
        g, g_a = grad(start, part), grad(start, other)
        steps.append(grad(start + 0.3 * (2 * g / g.norm() - g_a / g_a.norm()), part))
    return start - 0.1 * sum(steps) / len(steps)


class Smooth(BaseModel):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x, y, mode="tensor"):
        return dict(loss=(self.net(x).squeeze(-1) - y).square().mean())


def test_accumulated_gradients(batch):
    """The auxiliary batch has a part in each micro-batch, and its gradient is their mean."""
    torch.manual_seed(0)
    start = Smooth().double()
    whole = [batch(seed, n=10, dtype=torch.float64) for seed in range(2)]
    parts, others = [(x[:8], y[:8]) for x, y in whole], [(x[8:], y[8:]) for x, y in whole]
    wanted = formula(start, [parts], [others])
    net = copy.deepcopy(start)
    plain_step(net, [parts], others)
    assert (nn.utils.parameters_to_vector(net.parameters()) - wanted).abs().max() < 1e-14
    net = copy.deepcopy(start)
    base = torch.optim.SGD(net.parameters(), lr=0.1)
    wrapper = SharpnessOptimWrapper(base, AGNOSTIC, accumulative_counts=2)
    for x, y in whole:
        net.train_step(dict(x=x, y=y), wrapper)
    assert (nn.utils.parameters_to_vector(net.parameters()) - wanted).abs().max() < 1e-14
    assert wrapper.passes_per_step == 1.8


def test_parts_of_m_samples(batch):
    """In the wrapper each part has its own auxiliary batch; in a plain loop there is one."""
    torch.manual_seed(0)
    start = Smooth().double()
    x, y = batch(n=12, dtype=torch.float64)
    parts = [[(x[i : i + 5], y[i : i + 5])] for i in (0, 6)]
    others = [[(x[i : i + 1], y[i : i + 1])] for i in (5, 11)]
    net = copy.deepcopy(start)
    base = torch.optim.SGD(net.parameters(), lr=0.1)
    net.train_step(dict(x=x, y=y), SharpnessOptimWrapper(base, AGNOSTIC, m=6))
    wanted = formula(start, parts, others)
    assert (nn.utils.parameters_to_vector(net.parameters()) - wanted).abs().max() < 1e-14
    net = copy.deepcopy(start)
    plain_step(net, parts, others[0])
    wanted = formula(start, parts, [others[0]] * 2)
    assert (nn.utils.parameters_to_vector(net.parameters()) - wanted).abs().max() < 1e-14


@pytest.mark.parametrize("size", [1e-15, 1e15])
def test_lengths_of_gradients_do_not_matter(size):
    """In float32 neither they nor their product run over or under."""
    ends = []
    for scale in (1.0, size):
        w = nn.Parameter(torch.tensor([3.0, -4.0]))
        optimizer = SharpnessOptimizer([w], torch.optim.SGD, AgnosticSAM(rho=0.3), lr=0.0)
        seen = []

        def closure_of(size, at, w=w, optimizer=optimizer, seen=seen):
            def closure():
                optimizer.zero_grad()
                seen.append(w.detach().clone())
                loss = size * (w * at).sum()
                loss.backward()
                return loss

            return closure

        one = closure_of(scale, torch.tensor([1.0, 2.0]))
        optimizer.step(one, auxiliary=closure_of(scale, torch.tensor([2.0, -1.0])))
        ends.append(seen[2])
    assert torch.allclose(*ends, atol=1e-5)
    assert (ends[0] - torch.tensor([3.0, -4.0])).norm().item() == pytest.approx(0.3 * 5**0.5)


def test_batch_norm_dropout_and_random_numbers_are_those_of_the_first_pass(face, make_net, batch):
    net, plain = make_net(), make_net()
    run = face(net, net.parameters(), "SGD", AGNOSTIC, lr=0.1)
    sizes, masks, starts = [], [], []
    net.before_pass = lambda _: starts.append(
        [torch.get_rng_state(), *(b.clone() for b in net.buffers())]
    )
    net.net[0].register_forward_hook(lambda _, args, out: sizes.append(len(args[0])))
    net.net[3].register_forward_hook(lambda _, args, out: masks.append(out == 0))
    x, y = batch(n=16)
    torch.manual_seed(3)
    run.train(x, y)
    after = torch.rand(1)
    torch.manual_seed(3)
    plain(x[:13], y[:13])
    assert sizes == [13, 3, 13] and run.optimizer.passes_per_step == 1.8
    assert torch.equal(masks[0], masks[2]) and masks[0].any()
    for other in starts[1:]:
        assert all(torch.equal(a, b) for a, b in zip(starts[0], other))
    assert torch.equal(after, torch.rand(1))
    for a, b in zip(net.buffers(), plain.buffers()):
        assert torch.equal(a, b)


def test_radius_0_is_plain_training_on_all_that_is_loaded(make_net, batch):
    net, plain = make_net(), make_net()
    base = torch.optim.SGD(net.parameters(), lr=0.1)
    wrapper = SharpnessOptimWrapper(base, dict(AGNOSTIC, rho=0.0))
    alone = SharpnessOptimWrapper(
        torch.optim.SGD(plain.parameters(), lr=0.1), dict(type="SAM", rho=0.0)
    )
    x, y = batch()
    for one, its in ((net, wrapper), (plain, alone)):
        torch.manual_seed(0)
        one.train_step(dict(x=x, y=y), its)
    assert net.passes == wrapper.passes_per_step == 1
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), plain.parameters()))


class Last(Rule):
    """Asks for the auxiliary batch after it was away from w."""

    auxiliary = True

    def __init__(self, rho=0.2):
        super().__init__(rho=rho)

    def gradient(self, h):
        g = yield Here()
        yield Along(g, h.rho, "loss_max")
        return (yield Auxiliary())


def test_the_auxiliary_pass_is_made_at_w(face, make_net, batch):
    net, seen = make_net(), []
    run = face(net, net.parameters(), "SGD", dict(type=Last), lr=0.1)
    net.before_pass = lambda _: seen.append(
        (perturbed(), nn.utils.parameters_to_vector(net.parameters()).detach())
    )
    run.train(*batch())
    away, weights = zip(*seen)
    assert away == (False, True, False)
    assert torch.equal(weights[0], weights[2]) and not torch.equal(weights[0], weights[1])


@pytest.mark.parametrize("which", [1, 2, 3])
def test_a_pass_that_fails_takes_the_step_back(face, make_net, batch, snapshot, which):
    net = make_net()
    run = face(net, net.parameters(), "SGD", AGNOSTIC, lr=0.1)

    def boom(count):
        if count == which:
            raise RuntimeError("boom")

    net.before_pass = boom
    before = snapshot(net)
    with pytest.raises(RuntimeError, match="boom"):
        run.train(*batch())
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot(net)))
    net.before_pass = lambda count: None
    run.train(*batch())
    assert run.optimizer.passes_per_step == 1.8


@pytest.mark.parametrize("which", [1, 2])
@pytest.mark.parametrize("length", ["zero", "infinite"])
def test_a_gradient_without_a_direction_leads_nowhere(make_net, batch, which, length):
    """The last pass is made at w, whichever of the two it is; all else of it is finite."""
    net, seen = make_net(dropout=0.0), []
    wrapper = SharpnessOptimWrapper(torch.optim.SGD(net.parameters(), lr=0.1), AGNOSTIC)
    net.before_pass = lambda _: seen.append(
        nn.utils.parameters_to_vector(net.parameters()).detach()
    )

    def spoil(count, loss):
        if count != which:
            return loss
        return loss * 0 if length == "zero" else loss + net.net[4].bias.sum() * float("inf")

    net.after_forward = spoil
    x, y = batch()
    with pytest.warns(RuntimeWarning, match="skipped") if length != "zero" else nullcontext():
        net.train_step(dict(x=x, y=y), wrapper)
    assert len(seen) == 3 and all(torch.equal(seen[0], w) for w in seen)


class Listed(BaseModel):
    """Takes a dict of a list of inputs, the samples beside it, and a number."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)
        self.seen, self.spoils = [], False

    def forward(self, inputs, samples, mode="tensor", scale=1.0):
        x, y = torch.stack(inputs["x"]), torch.stack([sample["y"] for sample in samples])
        self.seen.append(([int(value) for value in y], scale, mode))
        if self.spoils and len(y) == 1:
            inputs["x"][0].add_(1)
        return dict(loss=scale * (self.layer(x).squeeze(-1) - y).square().mean())


def listed(n, **more):
    return dict(
        inputs=dict(x=[torch.randn(2) for _ in range(n)]),
        samples=[dict(y=torch.tensor(float(i))) for i in range(n)],
        **more,
    )


def test_the_auxiliary_batch_is_the_last_fifth_whatever_the_arguments():
    net = Listed()
    wrapper = SharpnessOptimWrapper(torch.optim.SGD(net.parameters(), lr=0.01), AGNOSTIC)
    for n in (2, 4, 9, 10, 12):
        net.seen.clear()
        net.train_step(listed(n, scale=0.5), wrapper)
        cut = dict(zip((2, 4, 9, 10, 12), (1, 3, 8, 8, 10)))[n]
        first, other = [*range(cut)], [*range(cut, n)]
        assert net.seen == [(ids, 0.5, "loss") for ids in (first, other, first)]


def test_unusable_batches_are_named():
    net = Listed()
    wrapper = SharpnessOptimWrapper(torch.optim.SGD(net.parameters(), lr=0.01), AGNOSTIC)
    for data, words in (
        (listed(1), "the batch has 1 samples.*auxiliary batch: give every batch at least 2"),
        (dict(listed(4), samples=object()), "forward.samples is a object.*take another rule"),
    ):
        with pytest.raises(InputError, match=words):
            net.train_step(data, wrapper)
    net.spoils = True
    with pytest.raises(InputError, match="Listed.forward changes an input tensor in place"):
        net.train_step(listed(6), wrapper)


def test_a_plain_step_says_what_it_lacks(make_net, batch):
    net = make_net()

    def made(rule):
        optimizer = SharpnessOptimizer(net.parameters(), torch.optim.SGD, rule, model=net, lr=0.1)

        def closure():
            optimizer.zero_grad()
            loss = net(*batch())["loss"]
            loss.backward()
            return loss

        return optimizer, closure

    optimizer, closure = made(AgnosticSAM())
    for auxiliary in (None, batch()):
        with pytest.raises(
            InputError, match=r"AgnosticSAM needs .*step\(closure, auxiliary=\.\.\.\)"
        ):
            optimizer.step(closure, auxiliary=auxiliary)
    before = [p.clone() for p in net.parameters()]
    for wrong, words in (
        (lambda: net(*batch())["loss"], "left no gradient in the optimizer's parameters"),
        (lambda: closure().item(), "the closure returned a float"),
    ):
        with pytest.raises(InputError, match=words):
            optimizer.step(closure, auxiliary=wrong)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters()))
    optimizer, closure = made(SAM())
    with pytest.raises(InputError, match="SAM needs no auxiliary batch: leave auxiliary"):
        optimizer.step(closure, auxiliary=closure)


def test_a_rule_has_to_say_that_it_asks(face, make_net, batch):
    class Silent(Last):
        auxiliary = False

    net = make_net()
    run = face(net, net.parameters(), "SGD", dict(type=Silent), lr=0.1)
    with pytest.raises(TypeError, match="Silent.gradient .*: write auxiliary = True in Silent"):
        run.train(*batch())

    class Sudden(Last):
        def radii(self, h):
            return []

        def gradient(self, h):
            yield Here()
            return (yield Auxiliary())

    run = face(net, net.parameters(), "SGD", dict(type=Sudden), lr=0.1)
    with pytest.raises(TypeError, match="Sudden.gradient visits 'loss_auxiliary'.*Sudden.radii"):
        run.train(*batch())
