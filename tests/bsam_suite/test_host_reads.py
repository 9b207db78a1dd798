"""The device is not waited for: what a step reads back to the host, counted on the CPU."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bsam_suite.engine import RULES

READS = ("_local_scalar_dense", "equal", "nonzero", "is_nonzero", "masked_select", "_unique2")


class Reads(TorchDispatchMode):
    """Counts the operations whose result the host has to wait for."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.overloadpacket.__name__ in READS:
            self.found.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


@pytest.fixture
def reads(monkeypatch):
    """``reads(net, base_optimizer, train)``: what is read from first forward to base step."""

    def count(net, base, train):
        mode, open_modes = Reads(), []

        def begin(*_):
            if not open_modes:
                open_modes.append(mode.__enter__())

        def end(*_):
            if open_modes:
                open_modes.pop().__exit__(None, None, None)

        for name in ("tolist", "numpy", "__array__"):
            original = getattr(torch.Tensor, name)

            def watched(tensor, *args, original=original, name=name, **kwargs):
                if open_modes:
                    mode.found.append(name)
                return original(tensor, *args, **kwargs)

            monkeypatch.setattr(torch.Tensor, name, watched)
        hooks = [net.register_forward_pre_hook(begin), base.register_step_pre_hook(end)]
        train()
        end()
        for hook in hooks:
            hook.remove()
        return mode.found

    return count


def base_of(run):
    return getattr(run.optimizer, "base_optimizer", None) or run.optimizer.optimizer


CHEAP = {name: dict(type=name, k=2) for name in ("LookSAM", "VSAM")}
CHEAP |= {"BSAM k": dict(type="BSAM", k=2), "released": dict(type="BSAM", start="released")}


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("rule", sorted({*RULES.module_dict, *CHEAP}))
def test_one_number_decides_about_the_step_and_none_where_the_device_can(
    face, make_net, batch, reads, rule, fused
):
    net = make_net()
    config = CHEAP.get(rule, dict(type=rule))
    run = face(net, net.parameters(), "Adam", config, lr=0.01, fused=fused)
    for step in range(2):  # the first ones set up what is kept
        run.train(*batch(step))
    for step in (2, 3):
        before = net.passes
        found = reads(net, base_of(run), lambda step=step: run.train(*batch(step)))
        one = rule == "MomentumSAM" or (step == 3 and "k" in config)
        assert (net.passes - before == 1) == one
        assert len(found) == (0 if fused else 1)


def test_the_counter_counts(face, make_net, batch, reads):
    net = make_net()
    run = face(net, net.parameters(), "Adam", dict(type="SAM"), lr=0.01, fused=True)
    run.train(*batch(0))
    net.after_forward = lambda count, loss: loss * loss.item()
    assert reads(net, base_of(run), lambda: run.train(*batch(1))) == ["_local_scalar_dense"] * 2


def test_a_loss_scaler_reads_its_own_number_only(face, make_net, batch, reads):
    net = make_net()
    rule = dict(type="FriendlySAM")
    run = face(net, net.parameters(), "SGD", rule, lr=0.01, dtype="float16")
    for step in range(2):
        run.train(*batch(step))
    assert len(reads(net, base_of(run), lambda: run.train(*batch(2)))) == 1
    run = face(net, net.parameters(), "SGD", rule, lr=0.01, dtype="float16", fused=True)
    for step in range(2):
        run.train(*batch(step))
    assert reads(net, base_of(run), lambda: run.train(*batch(2))) == []


def test_clipping_and_accumulation_read_nothing(make_net, batch, reads):
    from bsam_suite.engine import BSAMOptimWrapper

    net = make_net()
    base = torch.optim.Adam(net.parameters(), lr=0.01, fused=True)
    wrapper = BSAMOptimWrapper(base, clip_grad=dict(max_norm=1.0), accumulative_counts=2)

    def train():
        for seed in range(2):
            x, y = batch(seed)
            net.train_step(dict(x=x, y=y), wrapper)

    train()
    assert reads(net, base, train) == []
    norms = wrapper.message_hub.get_scalar("train/grad_norm")
    assert len(norms.data[0]) >= 2 and norms.current() > 0
