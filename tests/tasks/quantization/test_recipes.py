"""The configs of quantization-aware training, and where the float model comes from."""

from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, MODELS, DefaultScope
from PIL import Image

import tasks.quantization.preflight as module
from bsam_suite.compat import patch_mmengine
from bsam_suite.engine import work_dir
from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.errors import InputError
from bsam_suite.quantization import layer_bits
from tasks.quantization.preflight import prepare_float

CONFIGS = Path(__file__).parents[3] / "configs/quantization"
POSE = sorted((CONFIGS.parent / "pose").glob("*_adam*_*.py"))
NAMES = sorted(path.stem for path in CONFIGS.glob("*.py"))
FLOAT = "configs/classification/resnet18_sgd.py"


def load(name, **options):
    return load_config(str(CONFIGS / f"{name}.py"), options)


@pytest.mark.parametrize("name", NAMES)
def test_every_config_builds(name):
    cfg = load(name)
    check_optim_wrapper(cfg)
    assert not {"STEP_SIZES", "epochs", "lr"} & set(cfg)  # what would be set without an effect
    with DefaultScope.overwrite_default_scope(cfg.get("default_scope")):
        model = MODELS.build(cfg.model)
    bits = int(name.split("_w")[1][0])
    table = layer_bits(model)
    last = next((r for r in table if r.name.endswith(".conv_seg")), table[-1])
    ends = [table[0], last]
    assert {(r.weight_bits, r.activation_bits) for r in table if r not in ends} == {(bits, bits)}
    assert {(r.weight_bits, r.activation_bits) for r in ends} == {(8, 8)}
    rule = cfg.optim_wrapper.get("type", "OptimWrapper")
    expected = dict(sam="SharpnessOptimWrapper", bsam="BSAMOptimWrapper")
    assert rule == expected.get(name.split("_")[-1], "OptimWrapper")


@pytest.mark.parametrize("path", POSE, ids=lambda path: path.stem)
def test_every_pose_network_can_be_quantized(path):
    cfg = load("pose_w4a4_sam", float_config=str(path))
    plain = load_config(str(path))
    with torch.device("meta"):
        table = layer_bits(MODELS.build(cfg.model))
    ends = {r.name for r in table if (r.weight_bits, r.activation_bits) == (8, 8)}
    first = {"backbone.stem.0.conv" if "rtmpose" in path.stem else "backbone.conv1"}
    last = dict(RTMCCHead=["cls_x", "cls_y"], SimCCHead=["mlp_head_x", "mlp_head_y"])
    assert ends == first | {f"head.{x}" for x in last.get(plain.model.head.type, ["final_layer"])}
    others = [r for r in table if r.name not in ends]
    assert {(r.weight_bits, r.activation_bits) for r in others} == {(4, 4)}
    assert cfg.optim_wrapper.optimizer.lr == plain.optim_wrapper.optimizer.lr / 10
    assert cfg.float_config == str(path)
    built_in = "people" in path.stem
    assert cfg.model.checkpoint == (
        f"work_dirs/float/{path.stem}/epoch_8.pth" if built_in else None
    )
    assert cfg.train_cfg.max_epochs == (4 if built_in else 20)


def test_the_rule_is_the_quantized_configs_own(tmp_path):
    """Whatever rule trained the float model; all else of its optimizer wrapper is kept."""
    path = str(CONFIGS.parent / "pose/rtmpose-m_bsam_coco-256x192.py")
    wrapper = load("pose_w8a8_adam", float_config=path).optim_wrapper
    assert wrapper.get("type", "OptimWrapper") == "OptimWrapper" and "rho" not in wrapper
    assert wrapper.optimizer.type == "AdamW" and wrapper.optimizer.weight_decay == 0.05
    assert wrapper.paramwise_cfg.norm_decay_mult == 0
    assert load("pose_w8a8_sam", float_config=path).optim_wrapper.type == "SharpnessOptimWrapper"
    own = tmp_path / "own.py"
    keys = dict(head=dict(lr_mult=2.0))
    own.write_text(
        f"_base_ = {path!r}\noptim_wrapper = dict(\n    clip_grad=dict(max_norm=1.0),"
        f"paramwise_cfg=dict(custom_keys={keys}))\n"
    )
    cfg = load("pose_w8a8_bsam", float_config=str(own))
    assert "LSQ" in cfg.pretty_text  # which a run writes to its folder
    wrapper = cfg.optim_wrapper
    assert wrapper.clip_grad == dict(max_norm=1.0) and wrapper.type == "BSAMOptimWrapper"
    assert set(wrapper.paramwise_cfg.custom_keys) == {"head", "_quantizer"}
    with pytest.raises(InputError, match="float_config=.*none.py does not exist"):
        load("pose_w8a8_sam", float_config="none.py")


@pytest.mark.parametrize("name", ["resnet18_w4a4_sgd", "mobilenetv2_w4a4_sgd"])
def test_fewer_epochs_start_from_the_same_float_model(name):
    short = load(name, **{"train_cfg.max_epochs": 3})
    assert short.train_cfg.max_epochs == 3 and "end" not in short.param_scheduler[0]
    trained = load_config(str(module.ROOT / short.float_config))
    assert short.model.checkpoint == (
        f"work_dirs/float/{name.split('_')[0]}_sgd/epoch_{trained.train_cfg.max_epochs}.pth"
    )


def test_step_sizes_are_in_groups_that_stay_in_place():
    from mmengine.optim import build_optim_wrapper

    cfg = load("resnet18_w4a4_bsam")
    model = MODELS.build(cfg.model)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    steps = {p for name, p in model.named_parameters() if name.endswith("quantizer.scale")}
    assert len(steps) > 40
    for group in wrapper.optimizer.param_groups:
        is_step = group["params"][0] in steps
        assert (group["rho"], group["rho_min"]) == ((0, 0) if is_step else (0.05, 0.05))
        assert (group["weight_decay"] == 0) == is_step


def test_own_images_need_their_own_float_model(tmp_path):
    for split in ("train", "val", "test"):
        for name in ("ant", "bee"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(tmp_path / split / name / "0.png")
    root = str(tmp_path)
    with pytest.raises(InputError, match=r"model.checkpoint is not set.*resnet18_sgd.*data_root"):
        preflight(load("resnet18_w2a2_bsam", data_root=root))
    file = tmp_path / "float.pth"
    cfg = load("resnet18_w2a2_bsam", **{"data_root": root, "model.checkpoint": str(file)})
    with pytest.raises(InputError, match="float.pth does not exist: make it by"):
        preflight(cfg)
    torch.save(dict(state_dict={}), file)
    preflight(cfg)
    assert cfg.model.model.num_classes == 2 and "num_classes" not in cfg.model


@pytest.mark.parametrize("net", ["resnet18", "mobilenetv2"])
def test_epochs_and_rate_go_by_the_float_training(net, tmp_path):
    for name in ("insects/train/ant", "imagenet/train/n01440764"):
        (tmp_path / name).mkdir(parents=True)
    roots = dict(digits={}, insects=dict(data_root=str(tmp_path / "insects")))
    roots["imagenet"] = dict(data_root=str(tmp_path / "imagenet"))
    expected = dict(digits=(15, 0.01), insects=(100, 0.01), imagenet=(90, 0.01))
    for name, options in roots.items():
        cfg = load(f"{net}_w4a4_bsam", **options)
        assert (cfg.train_cfg.max_epochs, cfg.optim_wrapper.optimizer.lr) == expected[name]
        assert cfg.param_scheduler[0].type == "CosineAnnealingLR"
        assert "end" not in cfg.param_scheduler[0]  # it ends with the training


def test_a_run_that_goes_on_needs_no_float_model(tmp_path):
    cfg = load("resnet18_w4a4_bsam", **{"model.checkpoint": str(tmp_path / "gone.pth")})
    cfg.resume = True
    prepare_float(cfg)
    assert cfg.model.checkpoint is None


def test_the_float_model_is_trained_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    patch_mmengine()  # as the tools do: MMEngine's checkpoints load safely
    (tmp_path / "short.py").write_text(
        f"_base_ = {str(module.ROOT / FLOAT)!r}\n"
        "train_cfg = dict(max_epochs=1, val_interval=1)\n"
        "model = dict(net=dict(width=8))\n"
        "custom_hooks = [dict(type='SyncBuffersHook')]\n"
        "default_hooks = dict(checkpoint=dict(interval=1))\n"
    )
    monkeypatch.setattr(module, "ROOT", tmp_path)
    file = "work_dirs/float/short/epoch_1.pth"
    cfg = load("resnet18_w4a4_bsam", **{"model.checkpoint": file, "float_config": "short.py"})
    prepare_float(cfg)
    state = torch.load(file)["state_dict"]
    assert state["net.conv1.weight"].shape[0] == 8
    written = Path(file).stat().st_mtime_ns
    prepare_float(cfg)
    assert Path(file).stat().st_mtime_ns == written
    # A config that ends with another epoch than the name says.
    cfg.model.checkpoint = "work_dirs/float/other/epoch_7.pth"
    with pytest.raises(InputError, match="made no epoch_7.pth"):
        prepare_float(cfg)
    # One that diverges.
    (tmp_path / "far.py").write_text(
        "_base_ = 'short.py'\noptim_wrapper = dict(optimizer=dict(lr=1e20))"
    )
    cfg.model.checkpoint, cfg.float_config = "work_dirs/float/far/epoch_1.pth", "far.py"
    with pytest.raises(InputError, match="has diverged"):
        prepare_float(cfg)
    assert not Path(cfg.model.checkpoint).exists()


@HOOKS.register_module()
class StopOnce(Hook):
    """Ends the first run after its first checkpoint."""

    priority = "LOWEST"
    stopped = False

    def after_train_epoch(self, runner):
        if not StopOnce.stopped:
            StopOnce.stopped = True
            raise KeyboardInterrupt


def test_a_float_model_that_was_stopped_is_trained_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    patch_mmengine()
    (tmp_path / "short.py").write_text(
        f"_base_ = {str(module.ROOT / FLOAT)!r}\n"
        "train_cfg = dict(max_epochs=2, val_interval=2)\n"
        "model = dict(net=dict(width=8))\n"
        "custom_hooks = [dict(type='SyncBuffersHook'), dict(type='StopOnce')]\n"
        "default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=2))\n"
    )
    monkeypatch.setattr(module, "ROOT", tmp_path)
    folder = Path("work_dirs/float/short")
    options = {"model.checkpoint": str(folder / "epoch_2.pth"), "float_config": "short.py"}
    cfg = load("resnet18_w4a4_bsam", **options)
    with pytest.raises(KeyboardInterrupt):
        prepare_float(cfg)
    written = (folder / "epoch_1.pth").stat().st_mtime_ns
    prepare_float(cfg)
    assert (folder / "epoch_2.pth").exists()
    assert (folder / "epoch_1.pth").stat().st_mtime_ns == written

    monkeypatch.setattr(work_dir, "lock_folder", lambda folder: False)
    cfg.model.checkpoint = "work_dirs/float/other/epoch_2.pth"
    with pytest.raises(InputError, match="model.checkpoint in work_dirs/float/other is in use"):
        prepare_float(cfg)
