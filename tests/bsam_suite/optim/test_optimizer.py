"""The plain face: what it takes and refuses, and how others drive it."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.optim import BSAM, SharpnessOptimizer
from bsam_suite.sharpness import ASAM, SAM, FriendlySAM


def test_batch_norm_without_the_model_is_refused(make_net, batch, closure_of):
    net = make_net()
    before = copy.deepcopy(net.state_dict())
    optimizer = BSAM(net.parameters(), torch.optim.SGD, lr=0.1)
    with pytest.raises(InputError, match="BatchNorm1d.*model=model"):
        optimizer.step(closure_of(net, optimizer, *batch(0)))
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    net.eval()
    optimizer.step(closure_of(net, optimizer, *batch(0)))
    net.train()
    assert not nn.modules.module._global_forward_pre_hooks


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: BSAM(p, torch.optim.SGD(p, lr=0.1)), "base_optimizer is a SGD already"),
        (lambda p: BSAM(p, torch.optim.SGD, lr=0.1, rho=-1), "rho=-1 in BSAM"),
        (lambda p: BSAM([dict(params=p, rho_min="x")], torch.optim.SGD, lr=0.1), "rho_min='x'"),
        (lambda p: BSAM(p, torch.optim.SGD, lr=0.1, perturbation="local"), "needs the model"),
        (lambda p: BSAM(p, torch.optim.SGD, lr=0.1).step(), "needs a closure"),
    ],
)
def test_refused(make_net, call, words):
    with pytest.raises(InputError, match=words):
        call(list(make_net().parameters()))


def test_a_group_that_joins_later(make_net, batch, closure_of):
    net = make_net(dropout=0.0)
    head = list(net.net[4].parameters())
    body = [p for layer in net.net[:4] for p in layer.parameters()]
    optimizer = BSAM(body, torch.optim.SGD, rho=0.3, model=net, lr=0.1)
    optimizer.add_param_group(dict(params=head, rho=0.1, lr=0.01))
    assert [g["rho"] for g in optimizer.param_groups] == [0.3, 0.1]
    assert [g["rho_min"] for g in optimizer.param_groups] == [0.05, 0.05]
    with pytest.raises(InputError, match="rho=-1"):
        optimizer.add_param_group(dict(params=[nn.Parameter(torch.ones(1))], rho=-1))
    before = [p.clone() for p in head]
    optimizer.step(closure_of(net, optimizer, *batch(0)))
    assert all(not torch.equal(a, b) for a, b in zip(before, head))


def test_the_losses_hold_no_more_memory_than_they_are():
    x, y = torch.randn(1000, 5), torch.randn(1000, 1)
    net = nn.Linear(5, 1)
    optimizer = BSAM(net.parameters(), torch.optim.SGD, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(net(x), y)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert len(optimizer.losses) == 3
    assert all(loss.untyped_storage().nbytes() == 4 for loss in optimizer.losses.values())


def test_any_function_makes_the_base_optimizer(make_net, batch, closure_of):
    """A factory such as timm's, which has made its own groups."""
    ends = []
    for factory in (False, True):
        net = make_net(dropout=0.0)
        if factory:
            base = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
            optimizer = SharpnessOptimizer(None, lambda _, base=base: base, ASAM(), model=net)
        else:
            kwargs = dict(model=net, lr=0.1, momentum=0.9)
            optimizer = SharpnessOptimizer(net.parameters(), torch.optim.SGD, ASAM(), **kwargs)
        for i in range(3):
            optimizer.step(closure_of(net, optimizer, *batch(i)))
        ends.append(nn.utils.parameters_to_vector(net.parameters()))
    assert torch.equal(*ends)


def through_torch_save(optimizer):
    file = io.BytesIO()
    torch.save(optimizer, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize(
    "way", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o)), through_torch_save]
)
@pytest.mark.parametrize("rule", [BSAM, None])
def test_a_copy_goes_on_as_the_original(make_net, batch, closure_of, way, rule):
    net = make_net(dropout=0.0)
    del net.before_pass, net.after_forward  # lambdas are in the way of pickle
    net.before_pass, net.after_forward = print_nothing, hand_on
    kwargs = dict(model=net, lr=0.1)
    if rule is None:
        optimizer = SharpnessOptimizer(net.parameters(), torch.optim.Adam, FriendlySAM(), **kwargs)
    else:
        optimizer = rule(net.parameters(), torch.optim.Adam, rho=0.3, **kwargs)
    optimizer.step(closure_of(net, optimizer, *batch(0)))
    other = way(optimizer)
    ends = []
    for o in (optimizer, other):
        assert o.param_groups is o.base_optimizer.param_groups
        for seed in (1, 2):
            o.step(closure_of(o.model, o, *batch(seed)))
        ends.append(list(o.model.state_dict().values()))
        assert repr(o) and o.skipped == 0
    assert other.model is not net
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def print_nothing(count):
    pass


def hand_on(count, loss):
    return loss


def test_the_state_of_another_optimizer_leaves_the_rules_values(make_net, batch, closure_of):
    net = make_net()
    plain = torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.9)
    net(*batch(0))["loss"].backward()
    plain.step()
    sam = SharpnessOptimizer(net.parameters(), torch.optim.SGD, SAM(rho=0.7), lr=0.2, momentum=0.9)
    for state, rho in ((plain.state_dict(), 0.4), (sam.state_dict(), 0.7)):
        own = dict(params=list(net.parameters()), rho_min=0.1)
        bsam = BSAM([own], torch.optim.SGD, model=net, rho=0.4, lr=0.1, momentum=0.9)
        bsam.load_state_dict(state)
        group = bsam.param_groups[0]
        assert (group["rho"], group["rho_min"]) == (rho, 0.1)
        assert group["lr"] == state["param_groups"][0]["lr"]
        bsam.step(closure_of(net, bsam, *batch(1)))
    back = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    back.load_state_dict(bsam.state_dict())
    back.step()


def test_lightning(make_net, batch, tmp_path, closure_of):
    """Its automatic optimization calls ``optimizer.step(closure)``: equal to a plain loop."""
    import lightning.pytorch as lightning

    class Module(lightning.LightningModule):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def training_step(self, data, _):
            return self.net(*data)["loss"]

        def configure_optimizers(self):
            optimizer = BSAM(self.net.parameters(), torch.optim.SGD, model=self, lr=0.1)
            return [optimizer], [torch.optim.lr_scheduler.LinearLR(optimizer, total_iters=2)]

    data = [batch(i) for i in range(4)]
    module = Module(make_net(dropout=0.0))
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=None))

    net = make_net(dropout=0.0)
    optimizer = BSAM(net.parameters(), torch.optim.SGD, model=net, lr=0.1)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, total_iters=2)
    for _ in range(2):
        for x, y in data:
            optimizer.step(closure_of(net, optimizer, x, y))
        scheduler.step()
    for (key, a), b in zip(net.state_dict().items(), module.net.state_dict().values()):
        assert torch.equal(a, b), key


def test_accelerate(make_net, batch):
    """Accelerate's optimizer takes the closure: equal to a plain loop."""
    import accelerate

    ends = []
    for prepared in (True, False):
        net = make_net(dropout=0.0)
        optimizer = BSAM(net.parameters(), torch.optim.SGD, model=net, lr=0.1)
        model, step = net, optimizer
        backward = torch.Tensor.backward
        if prepared:
            accelerator = accelerate.Accelerator(cpu=True)
            model, step = accelerator.prepare(net, optimizer)
            backward = accelerator.backward
        for i in range(4):
            x, y = batch(i)

            def closure(x=x, y=y, model=model, step=step, backward=backward):
                step.zero_grad()
                loss = model(x, y)["loss"]
                backward(loss)
                return loss

            step.step(closure)
        ends.append(net.state_dict())
    for key, a in ends[0].items():
        assert torch.equal(a, ends[1][key]), key


def test_weights_that_cannot_be_moved_are_refused(make_net, batch, closure_of):
    class FullyShardedDataParallel(nn.Module):
        """PyTorch's needs processes; it is known by its name."""

    net = make_net()
    optimizer = BSAM(net.parameters(), torch.optim.SGD, model=FullyShardedDataParallel(), lr=0.1)
    with pytest.raises(InputError, match="FullyShardedDataParallel.*fully_shard"):
        optimizer.step(closure_of(net, optimizer, *batch(0)))
