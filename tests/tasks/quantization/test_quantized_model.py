"""A config's float model wrapped by one quantization dict, from float checkpoint to BSAM steps."""

import copy

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import MODELS
from mmengine.runner import Runner
from torch import nn

import tasks.quantization.register_all  # noqa: F401
from bsam_suite.errors import InputError
from bsam_suite.quantization import FakeQuantizer, calibrate, needs_calibration

LSQ4 = dict(type="LSQ", bit_width=4)
EMA8 = dict(type="EMAFakeQuantizer", bit_width=8, momentum=0.3)


@MODELS.register_module()
class QuantizedTestNet(BaseModel):
    def __init__(self):
        super().__init__(init_cfg=dict(type="Constant", layer="BatchNorm1d", val=0.5))
        self.stem = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.head = nn.Linear(8, 1)
        self.passes = 0

    def forward(self, x, y=None, mode="tensor"):
        self.passes += 1
        out = self.head(self.stem(x)).squeeze(-1)
        return out if mode != "loss" else dict(loss=(out - y).square().mean())


FLOAT = dict(type="QuantizedTestNet")


def build(activation=LSQ4, checkpoint=None, **options):
    quantization = dict(weight=LSQ4, activation=activation, **options)
    return MODELS.build(
        dict(type="Quantized", model=FLOAT, quantization=quantization, checkpoint=checkpoint)
    )


def batch(seed=0, n=16):
    g = torch.Generator().manual_seed(seed)
    return dict(x=torch.randn(n, 4, generator=g), y=torch.randn(n, generator=g))


@pytest.fixture
def checkpoint(tmp_path):
    model = QuantizedTestNet()
    for parameter in model.parameters():
        nn.init.normal_(parameter)
    nn.init.uniform_(model.stem[1].running_var, 0.5, 2)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / "float.pth")
    return str(tmp_path / "float.pth"), model.eval()


@pytest.mark.parametrize("fold", [False, True])
def test_the_float_checkpoint_is_where_training_starts(checkpoint, fold):
    file, trained = checkpoint
    model = build(checkpoint=file, fold_batch_norm=fold)
    assert isinstance(model, QuantizedTestNet)
    optimizer_has = [id(p) for p in model.parameters()]
    model.init_weights()
    assert optimizer_has == [id(p) for p in model.parameters()]
    x = batch()["x"]
    calibrate(model, [x])
    quantized = model.eval()(x)
    error = (quantized - trained(x)).norm() / trained(x).norm()
    assert 0 < error < 0.2
    for module in model.modules():
        if hasattr(module, "weight_quantizer"):
            module.weight_quantizer = module.input_quantizer = nn.Identity()
    torch.testing.assert_close(model(x), trained(x))


def test_without_a_checkpoint_the_models_own_initialization_counts():
    model = build()
    assert not torch.equal(model.stem[1].weight, torch.full((8,), 0.5))
    model.init_weights()
    assert torch.equal(model.stem[1].weight, torch.full((8,), 0.5))


def test_a_copy_starts_itself():
    model = build()
    twin = copy.deepcopy(model)
    twin.init_weights()
    assert torch.equal(twin.stem[1].weight, torch.full((8,), 0.5))
    assert not torch.equal(model.stem[1].weight, torch.full((8,), 0.5))


def test_unusable_checkpoints(tmp_path, checkpoint):
    model = build(checkpoint=str(tmp_path / "none.pth"))  # not needed to evaluate
    with pytest.raises(InputError, match="none.pth does not exist"):
        model.init_weights()
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "other.pth")
    with pytest.raises(InputError, match="other.pth is of another model"):
        build(checkpoint=str(tmp_path / "other.pth")).init_weights()


def bsam(model, **kwargs):
    optimizer = dict(type="SGD", lr=0.1)
    return build_optim_wrapper(model, dict(type="BSAMOptimWrapper", optimizer=optimizer, **kwargs))


@pytest.mark.parametrize("activation", [LSQ4, EMA8], ids=["lsq", "ema"])
def test_a_bsam_step_updates_ranges_once(activation):
    """Buffers after a step of BSAM are those after a plain step: of the first pass alone."""
    torch.manual_seed(0)
    model = build(activation)
    calibrate(model, [batch()["x"]])
    plain = copy.deepcopy(model)
    start = {k: v.clone() for k, v in model.named_buffers()}
    plain.train_step(batch(1), OptimWrapper(torch.optim.SGD(plain.parameters(), lr=0.1)))
    model.passes = 0
    model.train_step(batch(1), bsam(model, rho=0.5, rho_min=0.5))
    assert model.passes == 3
    moved = set()
    for name, buffer in plain.named_buffers():
        assert torch.equal(buffer, dict(model.named_buffers())[name]), name
        moved |= {name} if not torch.equal(buffer, start[name]) else set()
    observed = {n for n in moved if n.endswith((".low", ".high"))}
    assert ("head.input_quantizer.high" in observed) == (activation is EMA8)
    different = [
        n for n, p in plain.named_parameters() if not torch.equal(p, model.get_parameter(n))
    ]
    assert "stem.0.weight" in different and "stem.0.weight_quantizer.scale" in different


def test_step_sizes_are_parameters_from_the_start():
    model = build()
    names = {n for n, _ in model.named_parameters() if n.endswith("_quantizer.scale")}
    assert names == {
        f"{layer}.{part}_quantizer.scale"
        for layer in ("stem.0", "head")
        for part in ("weight", "input")
    }


class Points(torch.utils.data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, i):
        return {k: v[0] for k, v in batch(i, n=1).items()}


def runner(tmp_path, model, hooks):
    return Runner(
        model,
        str(tmp_path),
        train_dataloader=dict(
            batch_size=4,
            dataset=Points(),
            sampler=dict(type="DefaultSampler", shuffle=True),
            collate_fn=dict(type="default_collate"),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(type="BSAMOptimWrapper", optimizer=dict(type="SGD", lr=0.1)),
        custom_hooks=hooks,
        log_level="ERROR",
        randomness=dict(seed=1),
        experiment_name=f"quantized-{tmp_path.name}-{len(hooks)}",
    )


def test_a_run_calibrates_first(tmp_path, checkpoint):
    file, trained = checkpoint
    model = build(checkpoint=file)
    run = runner(tmp_path, model, [dict(type="CalibrationHook", batches=2)])
    seen = []

    def at_first_step(module, args):
        if module.training and not seen:
            seen.append({n: q.scale.item() for n, q in find(model).items()})

    model.stem.register_forward_pre_hook(at_first_step)
    run.train()
    assert not needs_calibration(model)
    with torch.no_grad():
        expected = trained.stem[0].weight.abs().mean() * 2 / 127**0.5  # 8 bits, the first layer
    assert seen[0]["stem.0.weight_quantizer"] == pytest.approx(expected.item())
    assert all(step != 1 for step in seen[0].values())
    after = {n: q.scale.item() for n, q in find(model).items()}
    assert any(after[n] != seen[0][n] for n in after)  # and then learns

    again = build()
    again.load_state_dict(torch.load(tmp_path / "epoch_1.pth", weights_only=False)["state_dict"])
    assert not needs_calibration(again)
    kept = {k: v.clone() for k, v in again.state_dict().items()}
    hook = run.hooks[[type(h).__name__ for h in run.hooks].index("CalibrationHook")]
    run.model = again
    hook.before_train(run)
    assert all(torch.equal(v, kept[k]) for k, v in again.state_dict().items())


def test_a_run_without_the_hook_says_what_is_missing(tmp_path):
    with pytest.raises(InputError, match="is not calibrated: .*dict\\(type='CalibrationHook'\\)"):
        runner(tmp_path, build(), []).train()


def test_hook_without_batches():
    from mmengine.registry import HOOKS

    with pytest.raises(InputError, match="batches=0 in CalibrationHook"):
        HOOKS.build(dict(type="CalibrationHook", batches=0))


def find(model):
    return {n: m for n, m in model.named_modules() if isinstance(m, FakeQuantizer)}
