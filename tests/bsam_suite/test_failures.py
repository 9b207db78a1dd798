"""Nothing is lost when a pass fails, a gradient is not finite or zero."""

import math
import warnings
import weakref

import pytest
import torch

BSAM = dict(type="BSAM", rho=0.3, rho_min=0.2)
TWO_POINTS = ["SAM", "ASAM", "GSAM", "FriendlySAM", "GCSAM", "AgnosticSAM"]


def equal(before, after):
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def fail_in(net, which, phase, error):
    """The ``which``-th pass from now raises, after it has changed statistics and modes."""
    which += net.passes

    def boom(*_):
        net.net[3].eval()
        raise error

    if phase == "forward":
        net.net[4].register_forward_pre_hook(lambda *_: boom() if net.passes == which else None)
    else:

        def after_forward(count, loss):
            if count == which:
                loss.register_hook(boom)
            return loss

        net.after_forward = after_forward


@pytest.mark.parametrize("error", [RuntimeError("boom"), KeyboardInterrupt("boom")])
@pytest.mark.parametrize("phase", ["forward", "backward"])
@pytest.mark.parametrize("which", [1, 2, 3])
def test_a_failing_pass(face, make_net, batch, snapshot, which, phase, error):
    nets, steps = [], []
    for fails in (True, False):
        net = make_net()
        run = face(net, net.parameters(), "SGD", BSAM, lr=0.1, momentum=0.9)
        torch.manual_seed(1)
        run.train(*batch(0))
        if fails:
            before = snapshot(net)
            fail_in(net, which, phase, error)
            with pytest.raises(type(error), match="boom"):
                run.train(*batch(1))
            assert equal(before, snapshot(net))
            assert all(p.grad is None for p in net.parameters())
            net.after_forward = lambda count, loss: loss
        torch.manual_seed(2)
        run.train(*batch(2))  # goes on as if the failed step had never been
        nets.append(snapshot(net))
        steps.append(run)
    assert equal(*nets)


@pytest.mark.parametrize("start", ["center", "released"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("which", [1, 2, 3])
def test_a_gradient_that_is_not_finite_is_skipped(
    face, make_net, batch, snapshot, which, value, start
):
    net = make_net()
    run = face(net, net.parameters(), "Adam", dict(BSAM, start=start), lr=0.1)
    run.train(*batch(0))
    before = snapshot(net)
    passes = net.passes
    net.after_forward = lambda count, loss: loss * value if count == passes + which else loss
    with pytest.warns(RuntimeWarning, match=r"skipped.*\(1 so far\)"):
        run.train(*batch(1))
    assert net.passes == passes + 3 and run.skipped == 1
    assert equal(before, snapshot(net))
    net.after_forward = lambda count, loss: loss
    run.train(*batch(2))
    assert run.skipped == 1 and not equal(before, snapshot(net))
    assert all(t.isfinite().all() for t in net.state_dict().values())


@pytest.mark.parametrize("rule", [*TWO_POINTS, "AdaptiveBSAM"])
@pytest.mark.parametrize("which", [1, 2])
def test_every_rule_skips(face, make_net, batch, snapshot, rule, which):
    net = make_net()
    run = face(net, net.parameters(), "SGD", dict(type=rule), lr=0.1)
    net.after_forward = lambda count, loss: loss * math.nan if count == which else loss
    before = snapshot(net)
    with pytest.warns(RuntimeWarning, match="skipped"):
        run.train(*batch(0))
    assert equal(before, snapshot(net)) and run.skipped == 1
    net.after_forward = lambda count, loss: loss
    run.train(*batch(1))
    assert all(t.isfinite().all() for t in net.state_dict().values())


def test_warnings_are_counted_and_grow_rare(face, make_net, batch):
    net = make_net()
    run = face(net, net.parameters(), "SGD", BSAM, lr=0.1)
    net.after_forward = lambda count, loss: loss * math.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(9):
            run.train(*batch(i))
    counts = [str(w.message).split("(")[1] for w in caught if "skipped" in str(w.message)]
    assert counts == ["1 so far)", "2 so far)", "4 so far)", "8 so far)"]


def test_raise_instead_of_skip(face, make_net, batch, snapshot):
    net = make_net()
    run = face(net, net.parameters(), "SGD", BSAM, lr=0.1, nonfinite="raise")
    net.after_forward = lambda count, loss: loss * math.nan if count == 2 else loss
    before = snapshot(net)
    with pytest.raises(FloatingPointError, match="NaN or infinite"):
        run.train(*batch(0))
    assert equal(before, snapshot(net)) and all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("rule", [*TWO_POINTS, "BSAM"])
def test_a_zero_gradient_moves_nothing(face, make_net, batch, rule):
    net = make_net(dropout=0.0)
    run = face(net, net.parameters(), "SGD", dict(type=rule), lr=0.1, momentum=0.9)
    net.after_forward = lambda count, loss: loss * 0
    before = [p.clone() for p in net.parameters()]
    run.train(*batch(0))
    assert run.skipped == 0 and equal(before, list(net.parameters()))


@pytest.mark.parametrize("scale", [1e-18, 1e-30])
def test_a_tiny_gradient_does_not_overflow(face, make_net, batch, scale):
    net = make_net(dropout=0.0).float()
    run = face(net, net.parameters(), "SGD", BSAM, lr=0.1)
    net.after_forward = lambda count, loss: loss * scale
    x, y = batch(0)
    run.train(x.float(), y)
    assert run.skipped == 0 and all(p.isfinite().all() for p in net.parameters())


def test_unusable_values_are_named(face, make_net):
    from bsam_suite.errors import InputError

    net = make_net()
    for key, value in (("perturbation", "both"), ("nonfinite", "ignore")):
        with pytest.raises(InputError, match=f"{key}='{value}'.*: give "):
            face(net, net.parameters(), "SGD", BSAM, lr=0.1, **{key: value})


def test_sparse_gradients_are_refused(face, make_net, batch):
    from bsam_suite.errors import InputError

    net = make_net()
    table = torch.nn.Embedding(4, 8, sparse=True)
    net.table = table
    net.after_forward = lambda count, loss: loss + table(torch.tensor([1])).sum()
    run = face(net, net.parameters(), "SGD", BSAM, lr=0.1)
    before = [p.clone() for p in net.parameters()]
    with pytest.raises(InputError, match="sparse=False"):
        run.train(*batch(0))
    assert equal(before, list(net.parameters()))


@pytest.mark.parametrize("which", [1, 2, 3])
def test_a_fused_optimizer_skips_on_the_device(face, make_net, batch, snapshot, which):
    """The host counts such a step when the next one has been made; memory and buffers stay."""
    nets = []
    for bad in (True, False):
        net = make_net(dropout=0.0)
        rule = BSAM if which == 3 else dict(type="FriendlySAM")
        run = face(net, net.parameters(), "Adam", rule, lr=0.1, fused=True)
        run.train(*batch(0))
        if bad:
            before, start = snapshot(net), net.passes
            net.after_forward = lambda count, loss, s=start: (
                loss * (math.nan if count == s + which else 1)
            )
            run.train(*batch(1))
            assert equal(before, snapshot(net))
            net.after_forward = lambda count, loss: loss
            with pytest.warns(RuntimeWarning, match="1 so far"):
                run.train(*batch(2))
        else:
            run.train(*batch(2))
        run.train(*batch(3))
        assert run.skipped == bad
        nets.append(snapshot(net))
    assert equal(*nets)


def test_a_model_that_checks_its_numbers_is_not_handed_nan(face, make_net, batch):
    net = make_net()
    run = face(net, net.parameters(), "SGD", BSAM, lr=0.1)
    net.before_pass = lambda count: [check(p) for p in net.parameters()]

    def check(p):
        if not p.isfinite().all():
            raise ValueError("a weight is not finite")

    for which in (1, 2):
        start = net.passes
        net.after_forward = lambda count, loss, s=start, w=which: (
            loss * (math.inf if count == s + w else 1)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run.train(*batch(which))
        assert net.passes == start + 3
    assert run.skipped == 2


def test_random_numbers_are_given_back_with_all_else(face, make_net, batch):
    net = make_net()
    run = face(net, net.parameters(), "SGD", BSAM, lr=0.1)
    fail_in(net, 2, "forward", RuntimeError("boom"))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with pytest.raises(RuntimeError, match="boom"):
        run.train(*batch(0))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("rule", ["BSAM", "AdaptiveBSAM"])
def test_the_first_gradient_is_freed_before_the_last_pass(face, make_net, batch, rule):
    net = make_net()
    run = face(net, net.parameters(), "SGD", dict(type=rule), lr=0.1)
    first, alive = [], []
    for p in net.parameters():
        p.register_post_accumulate_grad_hook(
            lambda p: first.append(weakref.ref(p.grad)) if net.passes == 1 else None
        )
    net.before_pass = lambda count: alive.append(sum(ref() is not None for ref in first))
    run.train(*batch(0))
    assert alive == [0, len(first), 0]


def test_random_numbers_go_on_where_the_first_pass_left_them(face, make_net, batch):
    net = make_net()
    run = face(net, net.parameters(), "SGD", BSAM, lr=0.1)
    net.before_pass = lambda count: torch.rand(count)  # further passes draw more
    torch.manual_seed(5)
    run.train(*batch(0))
    found = torch.rand(3)
    torch.manual_seed(5)
    torch.rand(1)  # the first pass by hand
    net.net(batch(0)[0])
    assert torch.equal(found, torch.rand(3))
