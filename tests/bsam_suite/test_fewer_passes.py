"""Steps that need no further pass: counted, with nothing kept for them, and resumed exactly."""

import gc
import io
import weakref

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.optim import LinearParamScheduler
from torch.optim.lr_scheduler import LambdaLR

from bsam_suite.engine import BSAMOptimWrapper, SharpnessOptimWrapper
from bsam_suite.errors import InputError
from bsam_suite.optim import BSAM, hyperparameter
from bsam_suite.sharpness import Along, Here, Rule, forward_state

CHEAP = [
    dict(type="BSAM", k=1),
    dict(type="BSAM", k=3),
    dict(type="AdaptiveBSAM", k=3),
    dict(type="LookSAM", k=3),
    dict(type="LookSAM", k=3, alpha=None),
    dict(type="VSAM", k=3),
    dict(type="MomentumSAM"),
]
EVERY = [dict(type="SAM"), dict(type="GSAM"), dict(type="ASAM"), dict(type="FriendlySAM")]


def passes_of(net, run, batch, steps, first=0):
    """How often each step runs the network."""
    counts = []
    for step in range(first, first + steps):
        before = net.passes
        torch.manual_seed(step)  # dropout
        run.train(*batch(step))
        counts.append(net.passes - before)
    return counts


def made(face, make_net, rule, base="SGD", **kwargs):
    net = make_net()
    kwargs = dict(lr=0.1, momentum=0.9) | kwargs if base == "SGD" else dict(lr=0.01) | kwargs
    return net, face(net, net.parameters(), base, rule, **kwargs)


@pytest.mark.parametrize("rule", CHEAP, ids=str)
def test_passes(face, make_net, batch, rule):
    net, run = made(face, make_net, rule)
    k = rule.get("k", 0)
    wanted = [2 if k and step % k == 0 else 1 for step in range(8)]
    assert passes_of(net, run, batch, 8) == wanted
    assert run.optimizer.passes_per_step == sum(wanted) / 8


@pytest.mark.parametrize("rule", [*CHEAP, *EVERY, dict(type="AgnosticSAM")], ids=str)
@pytest.mark.parametrize("base", ["SGD", "Adam"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_resumed_at_any_step_is_the_uninterrupted_run(face, make_net, batch, rule, base, at):
    whole, run = made(face, make_net, rule, base, rho_warmup=4)
    wanted = passes_of(whole, run, batch, 7)
    half, first = made(face, make_net, rule, base, rho_warmup=4)
    found = passes_of(half, first, batch, at)
    file = io.BytesIO()
    torch.save([half.state_dict(), first.optimizer.state_dict()], file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    rest, resumed = made(face, make_net, rule, base, rho_warmup=4)
    rest.load_state_dict(state[0])
    resumed.optimizer.load_state_dict(state[1])
    found += passes_of(rest, resumed, batch, 7 - at, first=at)
    assert found == wanted
    for a, b in zip(whole.state_dict().values(), rest.state_dict().values()):
        assert torch.equal(a, b)


@pytest.mark.parametrize("there", [None, 4])
@pytest.mark.parametrize("here", [None, 3])
def test_a_run_with_another_k_is_not_gone_on_with(face, make_net, batch, there, here):
    net, run = made(face, make_net, dict(type="BSAM", k=there))
    run.train(*batch(0))
    net, other = made(face, make_net, dict(type="BSAM", k=here))
    before = [p.clone() for p in net.parameters()]
    load = lambda: other.optimizer.load_state_dict(run.optimizer.state_dict())  # noqa: E731
    if there is None:  # as of any other rule: the next step looks around
        load()
        assert passes_of(net, other, batch, 3) == ([3, 3, 3] if here is None else [2, 1, 2])
        return
    with pytest.raises(InputError, match=f"k={here} in .*k={there}.*give k={there}"):
        load()
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters()))


@pytest.mark.parametrize("rule", [*EVERY, *CHEAP, dict(type="BSAM"), dict(type="AdaptiveBSAM")])
def test_a_point_of_radius_0_is_not_visited(face, make_net, batch, rule):
    """All radii 0 is plain training at its price."""
    net, run = made(face, make_net, rule)
    plain, alone = made(face, make_net, dict(type="SAM", rho=0.0))
    for group in run.optimizer.param_groups:
        group.update({name: 0.0 for name in ("rho", "rho_min") if name in group})
    assert passes_of(net, run, batch, 3) == passes_of(plain, alone, batch, 3) == [1, 1, 1]
    tolerance = 1e-6 if rule["type"] == "GSAM" else 0  # which divides by norms
    for a, b in zip(net.state_dict().values(), plain.state_dict().values()):
        assert torch.allclose(a, b, rtol=0, atol=tolerance)


def test_radius_0_is_the_limit_of_small_radii(make_net, batch, face):
    """What a formula gets where it does not go: BSAM with one of its radii 0."""
    for name in ("rho", "rho_min"):
        ends = []
        for small in (0.0, 1e-7):
            net = make_net(dropout=0.0).double()
            rule = dict(type="BSAM", **{"rho": 0.3, "rho_min": 0.2, name: small})
            run = face(net, net.parameters(), "SGD", rule, lr=0.1)
            counts = passes_of(net, run, lambda s: batch(s, dtype=torch.float64), 2)
            assert counts == ([2, 2] if small == 0 else [3, 3])
            ends.append(torch.nn.utils.parameters_to_vector(net.parameters()))
        assert 0 < (ends[0] - ends[1]).abs().max() < 1e-6


def test_a_schedule_of_rho_saves_its_passes(make_net, batch, closure_of):
    """From 0 in late-phase SAM's way, by both schedulers; BSAM looks around when it begins."""
    net = make_net()
    optimizer = BSAM(net.parameters(), torch.optim.SGD, k=3, model=net, lr=0.1)
    late = [LambdaLR(hyperparameter(optimizer, n), lambda s: s >= 4) for n in ("rho", "rho_min")]
    counts = []
    for step in range(9):
        before = net.passes
        optimizer.step(closure_of(net, optimizer, *batch(step)))
        counts.append(net.passes - before)
        for scheduler in late:
            scheduler.step()
    assert counts == [1, 1, 1, 1, 2, 1, 2, 1, 1]

    net = make_net()
    wrapper = BSAMOptimWrapper(torch.optim.SGD(net.parameters(), lr=0.1))
    falling = dict(start_factor=1.0, end_factor=0.0, end=3)
    schedulers = [LinearParamScheduler(wrapper, n, **falling) for n in ("rho", "rho_min")]
    counts = []
    for step in range(4):
        x, y = batch(step)
        before = net.passes
        net.train_step(dict(x=x, y=y), wrapper)
        counts.append(net.passes - before)
        for scheduler in schedulers:
            scheduler.step()
    assert counts == [3, 3, 1, 1]


def test_nothing_is_kept_where_no_pass_may_follow(face, make_net, batch, monkeypatch):
    net, run = made(face, make_net, dict(type="BSAM", k=3))
    kept, state = [], forward_state.ForwardState
    monkeypatch.setattr(forward_state, "ForwardState", lambda *a: kept.append(1) or state(*a))
    counts = []
    for step in range(6):
        run.train(*batch(step))
        counts.append(len(kept))
        kept.clear()
    assert counts == [2, 0, 0, 2, 0, 0]  # before and after the first pass


@pytest.mark.parametrize("rho", [0.0, 0.1])
def test_inputs_are_held_for_a_further_pass_only(make_net, batch, rho):
    net = make_net()
    base = torch.optim.SGD(net.parameters(), lr=0.1)
    wrapper = BSAMOptimWrapper(base, rho=rho, rho_min=0.0, accumulative_counts=3)
    for held in (rho > 0, rho > 0, False):
        x, y = batch(0)
        inputs = weakref.ref(x)
        net.train_step(dict(x=x, y=y), wrapper)
        del x, y
        gc.collect()
        assert (inputs() is not None) == held


def test_weights_are_w_between_micro_batches(make_net, batch):
    net = make_net()
    base = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    wrapper = SharpnessOptimWrapper(base, dict(type="MomentumSAM"), accumulative_counts=2)
    seen = []
    net.before_pass = lambda count: seen.append([p.detach().clone() for p in net.parameters()])
    w = [p.detach().clone() for p in net.parameters()]
    for step in range(4):
        before = w
        x, y = batch(step)
        net.train_step(dict(x=x, y=y), wrapper)
        w = [p.detach().clone() for p in net.parameters()]
        same = all(torch.equal(a, b) for a, b in zip(before, w))
        assert same == (step % 2 == 0)
        away = torch.cat([(a - b).flatten() for a, b in zip(seen[-1], before)]).norm().item()
        assert away == pytest.approx(0.3 if step > 1 else 0, rel=1e-5)


@pytest.mark.parametrize("which", [1, 2])
def test_a_refresh_that_fails_or_is_skipped_is_made_in_the_next_step(
    face, make_net, batch, snapshot, which
):
    """With the vector that it was to replace gone, to spare a copy in its second pass."""
    for error in (True, False):
        net, run = made(face, make_net, dict(type="BSAM", k=3))
        assert passes_of(net, run, batch, 3) == [2, 1, 1]
        bad, before = net.passes + which, snapshot(net)

        def spoil(count, loss, bad=bad, error=error):
            if count == bad and error:
                raise RuntimeError("boom")
            return loss * (float("nan") if count == bad else 1)

        net.after_forward = spoil
        with pytest.raises(RuntimeError, match="boom") if error else pytest.warns(RuntimeWarning):
            run.train(*batch(3))
        assert all(torch.equal(a, b) for a, b in zip(before, snapshot(net)))
        # A step that raised is none; a skipped one is counted, and the next is not a third one.
        assert passes_of(net, run, batch, 4) == ([2, 1, 1, 2] if error else [2, 1, 2, 1])


@pytest.mark.filterwarnings("ignore:a step was skipped")
@pytest.mark.parametrize("rule", CHEAP, ids=str)
def test_a_fused_optimizer_that_skips_reuses_nothing_bad(face, make_net, batch, rule):
    net, run = made(face, make_net, rule, "Adam", fused=True)
    for step in range(8):
        bad = step == 3
        net.after_forward = lambda count, loss, bad=bad: loss * (float("nan") if bad else 1)
        run.train(*batch(step))
    assert run.skipped == 1
    assert all(t.isfinite().all() for t in net.state_dict().values())


@pytest.mark.parametrize("rule", [*CHEAP, dict(type="AgnosticSAM")], ids=str)
def test_a_loss_scale_enters_nowhere(face, make_net, batch, rule):
    """float16's scale changes between the steps; what is reused does not."""
    ends = []
    for scale in (2.0**4, 2.0**10):
        net = make_net(dropout=0.0)
        scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=2)
        kwargs = dict(lr=0.05, momentum=0.9, scaler=scaler, dtype="float16")
        run = face(net, net.parameters(), "SGD", rule, **kwargs)
        for step in range(6):
            run.train(*batch(step))
        assert scaler.get_scale() > scale
        ends.append(torch.nn.utils.parameters_to_vector(net.parameters()))
    start = torch.nn.utils.parameters_to_vector(make_net().parameters())
    assert (ends[0] - ends[1]).norm() < 0.01 * (ends[0] - start).norm()


def test_warm_up_of_the_radii(face, make_net, batch):
    net = make_net(dropout=0.0)
    rule = dict(type="BSAM", rho=0.4, rho_min=0.2)
    run = face(net, net.parameters(), "SGD", rule, lr=0.1, rho_warmup=4)
    seen = []
    net.before_pass = lambda _: seen.append(torch.nn.utils.parameters_to_vector(net.parameters()))
    for step in range(6):
        seen.clear()
        run.train(*batch(step))
        risen = min(1, (step + 1) / 4)
        assert (seen[1] - seen[0]).norm().item() == pytest.approx(0.4 * risen, rel=1e-4)
        assert (seen[2] - seen[0]).norm().item() == pytest.approx(0.2 * risen, rel=1e-4)
    assert run.optimizer.param_groups[0]["rho"] == 0.4


class NoRadius(Rule):
    def gradient(self, h):
        return (yield Here())


class Wide(Rule):
    def __init__(self, width=0.1):
        super().__init__(width=width)

    def gradient(self, h):
        g = yield Here()
        return (yield Along(g, h.width, "loss_max"))


def test_unusable_warm_ups_and_undeclared_points_are_named(face, make_net, batch):
    for value in (0.1, -1, True, "5"):
        with pytest.raises(InputError, match=f"rho_warmup={value!r} in .*number of steps"):
            made(face, make_net, dict(type="SAM"), rho_warmup=value)
    with pytest.raises(InputError, match="rho_warmup=5 in .*NoRadius.*rho.*leave it out"):
        made(face, make_net, dict(type=NoRadius), rho_warmup=5)
    net, run = made(face, make_net, dict(type=Wide))
    with pytest.raises(TypeError, match="Wide.gradient visits 'loss_max'.*Wide.radii.*rho"):
        run.train(*batch(0))


def test_only_what_was_measured_is_logged(make_net, batch):
    net = make_net()
    base = torch.optim.SGD(net.parameters(), lr=0.1)
    wrapper = BSAMOptimWrapper(base, k=3)
    name = f"fewer passes {id(wrapper)}"
    wrapper.message_hub = MessageHub.get_instance(name)
    for step in range(5):
        x, y = batch(step)
        net.train_step(dict(x=x, y=y), wrapper)
    scalars = wrapper.message_hub.log_scalars
    assert len(scalars["train/max_sharpness"].data[0]) == 2
    assert "train/min_sharpness" not in scalars and "train/flatness" not in scalars
