"""The plain face: what it takes and refuses, and how others drive it."""

import copy

import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.optim import BSAM, SharpnessOptimizer
from bsam_suite.sharpness import ASAM


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
