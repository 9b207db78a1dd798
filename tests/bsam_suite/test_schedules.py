"""rho by the schedulers of PyTorch and MMEngine; resumed in the middle of a schedule."""

import io
import warnings

import pytest
import torch
from mmengine.optim import CosineAnnealingParamScheduler, LinearParamScheduler, build_optim_wrapper
from mmengine.optim import OneCycleLR as MMOneCycleLR
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CyclicLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    SequentialLR,
)

from bsam_suite.errors import InputError
from bsam_suite.optim import BSAM, hyperparameter


def stored(state):
    """``state`` after a way through a file, loaded safely."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def plain(net):
    groups = [
        dict(params=list(net.net[0].parameters()), rho=0.4),
        dict(params=[p for layer in net.net[1:] for p in layer.parameters()]),
    ]
    optimizer = BSAM(groups, torch.optim.SGD, rho=0.2, rho_min=0.1, model=net, lr=0.1, momentum=0.9)
    rho = hyperparameter(optimizer, "rho")
    rho_min = hyperparameter(optimizer, "rho_min")
    first = LinearLR(rho_min, 0.25, total_iters=3)
    schedulers = [
        LambdaLR(rho, lambda step: 1 / (1 + step)),
        SequentialLR(rho_min, [first, CosineAnnealingLR(rho_min, T_max=5)], milestones=[3]),
        CosineAnnealingLR(optimizer, T_max=8),
    ]

    def train(x, y):
        def closure():
            optimizer.zero_grad()
            loss = net(x, y)["loss"]
            loss.backward()
            return loss

        optimizer.step(closure)

    return optimizer, schedulers, train


def mmengine(net):
    config = dict(type="BSAMOptimWrapper", rho=0.4, rho_min=0.1)
    wrapper = build_optim_wrapper(
        net,
        dict(
            optimizer=dict(type="SGD", lr=0.1, momentum=0.9),
            paramwise_cfg=dict(custom_keys={"net.4": dict(rho=0.2)}),
            **config,
        ),
    )
    schedulers = [
        CosineAnnealingParamScheduler(wrapper, "rho", T_max=8),
        LinearParamScheduler(wrapper, "rho_min", start_factor=0.25, end=3),
    ]
    return wrapper, schedulers, lambda x, y: net.train_step(dict(x=x, y=y), wrapper)


@pytest.mark.parametrize("face", [plain, mmengine])
def test_resume_in_the_middle_is_exact(face, make_net, batch):
    def run(parts, steps):
        optimizer, schedulers, train = parts
        radii = []
        for step in steps:
            torch.manual_seed(step)  # dropout
            train(*batch(step))
            for scheduler in schedulers:
                scheduler.step()
            radii.append([(g["rho"], g["rho_min"], g["lr"]) for g in optimizer.param_groups])
        return radii

    whole = make_net()
    wanted = run(face(whole), range(8))
    assert len({r[0] for r in wanted}) == 8

    half = make_net()
    parts = face(half)
    found = run(parts, range(4))
    state = stored([half.state_dict(), parts[0].state_dict(), [s.state_dict() for s in parts[1]]])
    rest = make_net()
    resumed = face(rest)
    rest.load_state_dict(state[0])
    resumed[0].load_state_dict(state[1])
    for scheduler, saved in zip(resumed[1], state[2]):
        scheduler.load_state_dict(saved)
    found += run(resumed, range(4, 8))
    assert found == wanted
    for a, b in zip(whole.state_dict().values(), rest.state_dict().values()):
        assert torch.equal(a, b)


def test_a_lambda_sets_each_groups_own_rho(make_net, batch):
    optimizer, (rho, *_), train = plain(make_net())
    for step in range(3):
        radii = [group["rho"] for group in optimizer.param_groups]
        assert radii == pytest.approx([0.4 / (1 + step), 0.2 / (1 + step)])
        train(*batch(step))
        rho.step()
    assert rho.get_last_lr() == pytest.approx([0.1, 0.05])
    assert all("initial_lr" in g and g["initial_rho"] in (0.4, 0.2) for g in optimizer.param_groups)


def test_a_scheduled_rho_is_the_one_that_moves_the_weights(make_net, batch):
    net = make_net()
    optimizer, (rho, *_), train = plain(net)
    seen = []
    net.before_pass = lambda count: seen.append(
        torch.cat([p.detach().flatten() for p in net.net[0].parameters()])
    )
    for step in range(2):
        seen.clear()
        optimizer.param_groups[1].update(rho=0.0)
        train(*batch(step))
        assert (seen[1] - seen[0]).norm().item() == pytest.approx(0.4 / (1 + step), rel=1e-5)
        rho.step()


def test_no_false_warnings_and_clear_errors(make_net):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer, (rho, rho_min, lr), _ = plain(make_net())
        rho.step()
        rho_min.step()
    with pytest.raises(InputError, match="'rhoo'.*no such number.*rho, rho_min"):
        hyperparameter(optimizer, "rhoo")
    with pytest.raises(InputError, match="'nesterov'"):
        hyperparameter(optimizer, "nesterov")
    with pytest.raises(NotImplementedError, match="step the optimizer"):
        hyperparameter(optimizer, "rho").step()


def warmed_up(optimizer):
    first = LinearLR(optimizer, 0.01, total_iters=5)
    return SequentialLR(optimizer, [first, CosineAnnealingLR(optimizer, 15)], [5])


def from_a_small_rate(optimizer):
    optimizer.param_groups[0]["lr"] = 1e-4
    return LambdaLR(optimizer, lambda n: min(1 + 100 * n, 1000) * (0.9**n))


@pytest.mark.parametrize(
    ("schedule", "wanted"),
    [
        # rho_min times the rate over the largest rate that the schedule states
        (lambda o: OneCycleLR(o, max_lr=0.1, total_steps=20), lambda lr: lr / 0.1),
        (warmed_up, lambda lr: lr / 0.1),
        # one that says nowhere how far it goes up: not above rho_min
        (lambda o: CyclicLR(o, 1e-4, 0.1, step_size_up=10), lambda lr: 1),
        (from_a_small_rate, lambda lr: 1),
    ],
)
def test_rho_min_follows_rising_rates_and_stays_below_itself(make_net, batch, schedule, wanted):
    net = make_net()
    optimizer = BSAM(net.parameters(), torch.optim.SGD, model=net, rho_min=0.05, lr=0.1)
    scheduler = schedule(optimizer)
    seen, distances = [], []
    net.before_pass = lambda _: seen.append(torch.nn.utils.parameters_to_vector(net.parameters()))
    for step in range(19):
        seen.clear()

        def closure(step=step):
            optimizer.zero_grad()
            loss = net(*batch(step))["loss"]
            loss.backward()
            return loss

        lr = optimizer.param_groups[0]["lr"]
        optimizer.step(closure)
        distances.append((seen[2] - seen[0]).norm().item())
        assert distances[-1] == pytest.approx(0.05 * wanted(lr), rel=1e-3, abs=1e-6)
        scheduler.step()
    assert max(distances) < 0.0501


def test_rho_min_under_mmengines_one_cycle(make_net, batch):
    net = make_net()
    wrapper = build_optim_wrapper(
        net, dict(type="BSAMOptimWrapper", rho_min=0.05, optimizer=dict(type="SGD", lr=0.1))
    )
    scheduler = MMOneCycleLR(wrapper, eta_max=0.2, total_steps=20)
    seen, distances = [], []
    net.before_pass = lambda _: seen.append(torch.nn.utils.parameters_to_vector(net.parameters()))
    for step in range(19):
        seen.clear()
        x, y = batch(step)
        lr = wrapper.param_groups[0]["lr"]
        net.train_step(dict(x=x, y=y), wrapper)
        distances.append((seen[2] - seen[0]).norm().item())
        assert distances[-1] == pytest.approx(0.05 * lr / 0.2, rel=1e-3, abs=1e-6)
        scheduler.step()
    assert 0.049 < max(distances) < 0.0501
