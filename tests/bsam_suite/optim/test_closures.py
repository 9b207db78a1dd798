"""What people's closures do: right as the formula says, or refused with the remedy."""

import accelerate
import lightning.pytorch as lightning
import pytest
import torch
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.optim import BSAM


def step(net, optimizer, x, y, style, set_to_none=True):
    """One step of a loop that zeroes gradients, or does not, in ``style``."""

    def closure():
        if style in ("in the closure", "backward, then in the closure"):
            optimizer.zero_grad(set_to_none)
        loss = net(x, y)["loss"]
        loss.backward()
        return loss

    if style.startswith("backward"):
        net(x, y)["loss"].backward()
    optimizer.step(closure)
    if style == "after the step":
        optimizer.zero_grad(set_to_none)


@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("style", ["after the step", "nowhere", "backward, then in the closure"])
def test_zeroing_elsewhere_gives_the_same_steps(make_net, batch, style, set_to_none):
    ends = []
    for how in ("in the closure", style):
        net = make_net(dropout=0.0).double()
        net.net[1].momentum = 0.0  # an extra forward of the loop's own shall not show
        optimizer = BSAM(net.parameters(), torch.optim.SGD, model=net, rho=0.3, lr=0.1)
        for seed in range(3):
            step(net, optimizer, *batch(seed, dtype=torch.float64), how, set_to_none)
        ends.append(nn.utils.parameters_to_vector(net.parameters()))
    assert torch.equal(*ends)


def test_gradients_brought_along_are_refused(make_net, batch, snapshot):
    net = make_net()
    optimizer = BSAM(net.parameters(), torch.optim.SGD, model=net, lr=0.1)
    step(net, optimizer, *batch(0), "nowhere")
    net(*batch(1))["loss"].backward()  # added in place to what the step left
    before = snapshot(net)
    with pytest.raises(InputError, match=r"gradients were there.*zero_grad\(\)"):
        step(net, optimizer, *batch(2), "nowhere")
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot(net)))
    assert all(p.grad is None for p in net.parameters())
    net(*batch(1))["loss"].backward()
    with pytest.raises(InputError, match="accumulate_grad_batches"):
        step(net, optimizer, *batch(2), "backward")


@pytest.mark.parametrize(
    ("answer", "named"),
    [
        (lambda loss: None, "a NoneType"),
        (lambda loss: loss.item(), "a float"),
        (lambda loss: (loss, 1), "a tuple"),
        (lambda loss: dict(loss=loss), "a dict"),
        (lambda loss: loss.expand(3), r"shape \(3,\)"),
    ],
)
def test_a_closure_that_returns_no_loss(make_net, batch, snapshot, answer, named):
    net = make_net()
    optimizer = BSAM(net.parameters(), torch.optim.SGD, model=net, lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = net(*batch(0))["loss"]
        loss.backward()
        return answer(loss)

    before = snapshot(net)
    with pytest.raises(InputError, match=f"the closure returned .*{named}.*return the loss"):
        optimizer.step(closure)
    assert all(torch.equal(a, b) for a, b in zip(before, snapshot(net)))


def test_one_element_is_a_loss_and_no_backward_is_refused(make_net, batch):
    net = make_net()
    optimizer = BSAM(net.parameters(), torch.optim.SGD, model=net, lr=0.1)

    def closure(backward=True):
        optimizer.zero_grad()
        loss = net(*batch(0))["loss"][None]
        if backward:
            loss.backward()
        return loss

    assert optimizer.step(closure).shape == ()
    with pytest.raises(InputError, match=r"no gradient in.*call loss.backward\(\)"):
        optimizer.step(lambda: closure(backward=False))


class Module(lightning.LightningModule):
    """``way``: None for Lightning's own closure, "manual" for the closure of docs/training.md."""

    def __init__(self, net, way=None):
        super().__init__()
        self.net, self.automatic_optimization = net, way is None

    def configure_optimizers(self):
        return BSAM(self.net.parameters(), torch.optim.SGD, model=self, rho=0.3, lr=0.1)

    def training_step(self, batch, _):
        x, y = batch
        if self.automatic_optimization:
            return self.net(x, y)["loss"]
        optimizer = self.optimizers()

        def closure():
            optimizer.zero_grad()
            losses = []
            for part_x, part_y in zip(x.chunk(2), y.chunk(2)):
                losses.append(self.net(part_x, part_y)["loss"] / 2)
                self.manual_backward(losses[-1])
            return sum(losses)

        optimizer.step(closure)


def fit(module, data, path, **kwargs):
    quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    trainer = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        default_root_dir=path,
        **dict.fromkeys(quiet, False),
        **kwargs,
    )
    trainer.fit(module, torch.utils.data.DataLoader(data, batch_size=None))


class Plain(nn.Module):
    """No batch norm, so that micro-batches are one batch."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 1))

    def forward(self, x, y):
        return dict(loss=(self.net(x).squeeze(-1) - y).square().mean())


def make_plain():
    torch.manual_seed(0)
    return Plain().double()


def whole_batches(data):
    net = make_plain()
    optimizer = BSAM(net.parameters(), torch.optim.SGD, rho=0.3, lr=0.1)
    for x, y in data:
        step(net, optimizer, x, y, "in the closure")
    return nn.utils.parameters_to_vector(net.parameters())


def test_accumulation_in_lightning(batch, tmp_path):
    data = [batch(i, dtype=torch.float64) for i in range(4)]
    with pytest.raises(InputError, match="accumulate_grad_batches.*micro-batches"):
        fit(Module(make_plain()), data, tmp_path, accumulate_grad_batches=2)
    module = Module(make_plain(), "manual")
    fit(module, data, tmp_path)
    found = nn.utils.parameters_to_vector(module.net.parameters())
    assert (found - whole_batches(data)).abs().max() < 1e-12


def test_accumulation_in_accelerate(batch):
    data = [batch(i, dtype=torch.float64) for i in range(4)]

    def train(accelerator, net):
        optimizer = BSAM(net.parameters(), torch.optim.SGD, rho=0.3, lr=0.1)
        model, optimizer = accelerator.prepare(net, optimizer)
        for x, y in data:

            def closure(x=x, y=y):
                optimizer.zero_grad()
                losses = []
                for part_x, part_y in zip(x.chunk(2), y.chunk(2)):
                    losses.append(model(part_x, part_y)["loss"] / 2)
                    accelerator.backward(losses[-1])
                return sum(losses)

            with accelerator.accumulate(model):
                optimizer.step(closure)

    try:
        accumulating = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
        with pytest.raises(InputError, match="gradient_accumulation_steps=2 of Accelerate"):
            train(accumulating, make_plain())
        accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
        accelerate.state.GradientState._reset_state()
        net = make_plain()
        train(accelerate.Accelerator(cpu=True), net)
    finally:
        accelerate.state.AcceleratorState._reset_state(reset_partial_state=True)
        accelerate.state.GradientState._reset_state()
    found = nn.utils.parameters_to_vector(net.parameters())
    assert (found - whole_batches(data)).abs().max() < 1e-12
