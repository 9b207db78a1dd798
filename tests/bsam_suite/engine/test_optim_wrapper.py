"""Unmodified models train under the wrapper: what must stay as it was, and what is refused."""

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import LinearParamScheduler, OptimWrapper, OptimWrapperDict, build_optim_wrapper
from torch import nn

from bsam_suite.engine import BSAMOptimWrapper, SharpnessOptimWrapper
from bsam_suite.errors import InputError


class Messy(BaseModel):
    """Dropout, batch norm, dict inputs which forward takes apart; counts its passes."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU())
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(16, 1)
        self.masks = []  # (unit was kept, unit was not 0 before), for each pass
        self.dropout.register_forward_hook(
            lambda module, args, out: self.masks.append((out != 0, args[0] != 0))
        )

    def forward(self, inputs, mode="tensor"):
        x = inputs.pop("x")
        out = self.head(self.dropout(self.stem(x))).squeeze(-1)
        return dict(loss_mse=(out - inputs["y"]).square().mean())


def batch(seed=0, n=32):
    g = torch.Generator().manual_seed(seed)
    return dict(inputs=dict(x=torch.randn(n, 5, generator=g), y=torch.randn(n, generator=g)))


def bsam(model, lr=0.1, **kwargs):
    optimizer = dict(type="SGD", lr=lr)
    return build_optim_wrapper(model, dict(type="BSAMOptimWrapper", optimizer=optimizer, **kwargs))


def state(model):
    return {k: v.clone() for k, v in model.state_dict().items()}


def test_same_masks_and_one_update_of_statistics():
    torch.manual_seed(0)
    model, plain = Messy(), Messy()
    plain.load_state_dict(model.state_dict())
    torch.manual_seed(1)
    plain.train_step(batch(), OptimWrapper(torch.optim.SGD(plain.parameters(), lr=0.1)))
    after_plain = torch.rand(1)
    torch.manual_seed(1)
    model.train_step(batch(), bsam(model))
    assert torch.equal(torch.rand(1), after_plain)  # the generator stands where plain training's is
    (kept, active), *others = model.masks
    assert len(others) == 2
    for kept_then, active_then in others:
        both = active & active_then  # where dropout is seen
        assert both.float().mean() > 0.3 and 0.2 < kept[both].float().mean() < 0.8
        assert torch.equal(kept[both], kept_then[both])
    for name, buffer in plain.named_buffers():
        assert torch.equal(buffer, dict(model.named_buffers())[name]), name


def test_weights_come_back_bit_for_bit():
    model = Messy()
    before = state(model)
    model.train_step(batch(), bsam(model, lr=0.0, rho=0.3, rho_min=0.7))
    after = model.state_dict()
    assert all(
        torch.equal(before[k], after[k]) for k in before if "running" not in k and "num" not in k
    )


def test_released_start_drifts_by_rho_min_at_zero_learning_rate():
    model = Messy().double()
    data = batch()
    data["inputs"] = {k: v.double() for k, v in data["inputs"].items()}
    before = nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    model.train_step(data, bsam(model, lr=0.0, rho_min=0.07, start="released"))
    after = nn.utils.parameters_to_vector(model.parameters()).detach()
    assert (after - before).norm().item() == pytest.approx(0.07, rel=1e-9)


@pytest.mark.parametrize("failing_pass", [2, 3])
def test_exception_in_a_pass_leaves_weights_and_statistics(failing_pass):
    model = Messy()
    wrapper = bsam(model)
    model.head.register_forward_pre_hook(
        lambda *_: (
            (_ for _ in ()).throw(RuntimeError("boom"))
            if len(model.masks) == failing_pass
            else None
        )
    )
    before = state(model)
    with pytest.raises(RuntimeError, match="boom"):
        model.train_step(batch(), wrapper)
    after = model.state_dict()
    assert "stem.1.running_mean" in before and model.training
    for name in before:
        assert torch.equal(before[name], after[name]), name


def test_accumulation_equals_one_large_batch():
    """float64, no batch norm, no dropout: 3 micro-batches of 4 and one of 12 give one step."""
    torch.manual_seed(0)

    class Plain(BaseModel):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 1))

        def forward(self, x, y, mode="tensor"):
            return dict(loss=(self.net(x).squeeze(-1) - y).square().mean())

    one, many = Plain().double(), Plain().double()
    many.load_state_dict(one.state_dict())
    x, y = torch.randn(12, 5).double(), torch.randn(12).double()
    one.train_step(dict(x=x, y=y), bsam(one))
    wrapper = bsam(many, accumulative_counts=3)
    for xs, ys in zip(x.split(4), y.split(4)):
        many.train_step(dict(x=xs, y=ys), wrapper)
    for a, b in zip(one.parameters(), many.parameters()):
        assert torch.allclose(a, b, atol=1e-12, rtol=0)


def test_rho_lives_in_param_groups():
    model = Messy()
    wrapper = bsam(model, rho=0.2)
    scheduler = LinearParamScheduler(wrapper, "rho", start_factor=0.5, end=10)
    assert wrapper.optimizer.param_groups[0]["rho"] == pytest.approx(0.1)
    for _ in range(10):
        model.train_step(batch(), wrapper)
        scheduler.step()
    assert wrapper.state_dict()["param_groups"][0]["rho"] == pytest.approx(0.2)


def test_group_with_rho_zero_stays_and_the_other_moves_by_rho():
    model = Messy()
    groups = [
        dict(params=list(model.stem.parameters()), rho=0.0),
        dict(params=list(model.head.parameters())),
    ]
    seen = []
    model.register_forward_pre_hook(lambda *_: seen.append(state(model)))
    wrapper = SharpnessOptimWrapper(torch.optim.SGD(groups, lr=0.1), dict(type="SAM", rho=0.3))
    model.train_step(batch(), wrapper)
    here, there = seen
    assert all(
        torch.equal(here[f"stem.{n}"], there[f"stem.{n}"]) for n, _ in model.stem.named_parameters()
    )
    moved = torch.cat(
        [
            (there[f"head.{n}"] - here[f"head.{n}"]).flatten()
            for n, _ in model.head.named_parameters()
        ]
    )
    assert moved.norm().item() == pytest.approx(0.3, rel=1e-5)


def test_parameter_without_gradient_and_zero_gradient():
    model = Messy()
    model.unused = nn.Parameter(torch.ones(3))
    model.head.weight.requires_grad_(False)
    wrapper = BSAMOptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1))
    head = model.head.weight.clone()
    model.train_step(batch(), wrapper)
    assert torch.equal(model.unused, torch.ones(3)) and torch.equal(model.head.weight, head)

    still = Messy()
    with torch.no_grad():
        still.head.weight.zero_()
        still.head.bias.zero_()
    data = batch()
    data["inputs"]["y"].zero_()
    before = state(still)
    still.train_step(data, bsam(still))
    assert all(torch.equal(p, before[n]) for n, p in still.named_parameters())


def test_amp_bfloat16_stays_near_float32():
    torch.manual_seed(0)
    a, b = Messy(), Messy()
    b.load_state_dict(a.state_dict())
    for model, dtype in ((a, None), (b, "bfloat16")):
        torch.manual_seed(3)
        model.train_step(batch(n=256), bsam(model, dtype=dtype))
    exact, low = a.head.weight, b.head.weight
    assert 0 < (exact - low).norm() < 0.05 * exact.norm()


def test_float16_overflow_skips_the_step_and_lowers_the_scale():
    model = Messy()
    wrapper = bsam(model, dtype="float16")
    model.train_step(batch(), wrapper)  # the first call fixes the scale
    scale = wrapper.loss_scaler.get_scale()
    before = state(model)
    data = batch()
    data["inputs"]["y"] *= 1e30
    model.train_step(data, wrapper)
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())
    assert wrapper.loss_scaler.get_scale() < scale


@pytest.mark.parametrize(
    "kwargs", [dict(rho=-0.1), dict(rho_min="big"), dict(start="left"), dict(dtype="int8")]
)
def test_bad_values_are_named(kwargs):
    name, value = next(iter(kwargs.items()))
    with pytest.raises(InputError, match=f"{name}={value!r}"):
        bsam(Messy(), **kwargs)


def test_models_that_cannot_be_replayed_are_refused():
    class Twice(Messy):
        def train_step(self, data, optim_wrapper):
            with optim_wrapper.optim_context(self):
                loss = self(**batch())["loss_mse"] + self(**batch())["loss_mse"]
            optim_wrapper.update_params(loss)

    class Scaled(Messy):
        def parse_losses(self, losses):
            return super().parse_losses(losses)

        def train_step(self, data, optim_wrapper):
            with optim_wrapper.optim_context(self):
                loss = self(**data)["loss_mse"]
            optim_wrapper.update_params(3 * loss)

    class InPlace(Messy):
        def forward(self, inputs, mode="tensor"):
            inputs["x"].mul_(2)
            return super().forward(inputs, mode)

    class Parts(Messy):
        """As with an OptimWrapperDict: its parts are called, each with a wrapper of its own."""

        def train_step(self, data, optim_wrapper):
            wrappers = OptimWrapperDict(stem=optim_wrapper)
            with wrappers["stem"].optim_context(self):
                loss = self.stem(data["inputs"]["x"]).square().mean()
            wrappers["stem"].update_params(loss)

    parts = (Parts(), "0 times.*OptimWrapperDict")
    for model, words in (
        parts,
        (Twice(), "2 times"),
        (Scaled(), "loss of"),
        (InPlace(), "in place"),
    ):
        before = state(model)
        with pytest.raises(InputError, match=words):
            model.train_step(batch(), bsam(model))
        assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())
    with pytest.raises(InputError, match="optim_context"):
        bsam(Messy()).update_params(torch.zeros((), requires_grad=True))


def test_a_loss_that_changes_later_is_refused_a_step_later():
    class Late(Messy):
        def train_step(self, data, optim_wrapper):
            with optim_wrapper.optim_context(self):
                loss = self(**data)["loss_mse"]
            optim_wrapper.update_params(loss * self.factor)

    model = Late()
    wrapper = bsam(model)
    for model.factor in (1, 2):
        model.train_step(batch(), wrapper)
    before = state(model)
    with pytest.raises(InputError, match="Late.train_step.*a loss of.*forward and parse_losses"):
        model.train_step(batch(), wrapper)
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters())


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ("SAM", "rule='SAM'.*dict\\(type='SAM'"),
        (dict(rho=0.1), "rule={'rho': 0.1}.*type"),
        (dict(type="Sam"), "rule.type='Sam': did you mean 'SAM'"),
        (dict(type="SAM", rh=0.1), "rule.rh=0.1: SAM has no 'rh': did you mean 'rho'"),
        (dict(type="AdaptiveBSAM", strat="center"), "rule.strat='center'.*'start'"),
        (dict(type="BSAM", rho_min_follows_lr="no"), "rho_min_follows_lr='no'.*True or False"),
    ],
)
def test_unusable_rules_are_named(rule, named):
    with pytest.raises(InputError, match=named):
        SharpnessOptimWrapper(torch.optim.SGD(Messy().parameters(), lr=0.1), rule)


def test_words_of_mixed_precision_are_mmengines():
    fixed = bsam(Messy(), dtype="float16", loss_scale=512.0)
    assert fixed.loss_scaler.get_scale() == 512.0 and fixed.dtype == torch.float16
    for _ in range(2):
        model = Messy()
        wrapper = bsam(model, dtype="float16", loss_scale=512.0)
        data = batch()
        data["inputs"]["y"] *= 1e30
        model.train_step(data, wrapper)
        assert wrapper.loss_scaler.get_scale() == 512.0  # it stays, though this step overflowed
    own = bsam(Messy(), dtype=torch.float16, loss_scale=dict(init_scale=64.0, growth_interval=3))
    assert own.loss_scaler.get_scale() == 64.0 and own.loss_scaler.get_growth_interval() == 3
    for kwargs, named in (
        (dict(dtype="float64"), "dtype='float64'"),
        (dict(loss_scale=512.0), "loss_scale.*=512.0.*float16"),
        (dict(dtype="float16", loss_scale="big"), "loss_scale.*='big'.*'dynamic'"),
        (dict(dtype="float16", loss_scale=dict(init=1)), "loss_scale.*init"),
    ):
        with pytest.raises(InputError, match=named):
            bsam(Messy(), **kwargs)
