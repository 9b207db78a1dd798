"""The pose configs: which data they choose and what they refuse."""

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.runner import CheckpointLoader, Runner

from bsam_suite.engine.config import load_config, preflight
from bsam_suite.engine.resolve import workers
from bsam_suite.errors import InputError

CONFIGS = Path(__file__).parents[3] / "configs/pose"
PLAIN = sorted(path.name for path in CONFIGS.glob("*_adam*_*.py"))
SMALL = ["hrnet-tiny_bsam_coco-128x96.py", "simcc-tiny_bsam_coco-128x96.py"]


def load(name, options=None):
    return load_config(str(CONFIGS / name), options)


@pytest.fixture
def coco(people, tmp_path):
    """A small COCO-layout folder that a test may damage."""
    shutil.copytree(people, tmp_path / "coco")
    return tmp_path / "coco"


def test_coco_where_it_is_found(coco, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    built_in = load("hrnet_bsam.py")
    assert built_in.codec.input_size == (96, 128)
    given = load("hrnet_bsam.py", {"data_root": str(coco)})
    assert given.codec.input_size == (192, 256) and given.train_cfg.max_epochs == 210
    assert given.train_dataloader.dataset.data_root == str(coco)
    assert given.val_evaluator.ann_file == f"{coco}/annotations/person_keypoints_val2017.json"
    (tmp_path / "data").mkdir()
    coco.rename(tmp_path / "data/coco")
    assert load("hrnet_bsam.py").codec.input_size == (192, 256)


@pytest.mark.parametrize("name", PLAIN)
def test_rules_differ_by_one_line(name):
    plain = load(name)
    assert plain.optim_wrapper.get("type", "OptimWrapper") == "OptimWrapper"
    for rule, wrapper in dict(sam="SharpnessOptimWrapper", bsam="BSAMOptimWrapper").items():
        cfg = load(name.replace("_adamw_", f"_{rule}_").replace("_adam_", f"_{rule}_"))
        assert cfg.optim_wrapper.type == wrapper
        assert cfg.optim_wrapper.optimizer == plain.optim_wrapper.optimizer
        kept = {key: value for key, value in cfg.items() if key != "optim_wrapper"}
        assert kept == {key: value for key, value in plain.items() if key != "optim_wrapper"}


@pytest.mark.parametrize("name", [name for name in PLAIN + SMALL if "_coco-" in name])
def test_recipes_on_coco_check_their_data_and_load_quickly(name):
    cfg = load(name)
    weights = [] if name in SMALL else ["pretrained_backbone"]
    assert [entry.type for entry in cfg.preflight] == ["check_coco", *weights]
    loader = cfg.train_dataloader
    assert loader.num_workers == workers() and loader.persistent_workers
    assert loader.collate_fn.type == "pose_collate"
    quick = [s.type for s in loader.dataset.pipeline if s.type.startswith("Fast")]
    assert quick == ["FastRandomFlip", "FastRandomBBoxTransform"]
    assert loader.dataset.pipeline[0].type == "LoadWholeImage"
    assert loader.dataset.pipeline == cfg.train_pipeline
    for evaluation in (cfg.val_dataloader, cfg.test_dataloader):
        assert evaluation.num_workers == workers() and evaluation.persistent_workers


@pytest.mark.parametrize(
    "cores, processes, wanted", [(64, "1", 16), (64, "8", 8), (2, "1", 2), (2, "2", 2)]
)
def test_workers_have_a_core_each(monkeypatch, cores, processes, wanted):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(cores)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
    assert workers() == wanted


@pytest.mark.parametrize(
    "name", ["rtmpose-s_bsam_coco-256x192.py", "simcc-tiny_bsam_coco-128x96.py"]
)
def test_a_step_of_bsam(people, tmp_path, name):
    cfg = load(name, {"data_root": str(people)})
    cfg.model.backbone.init_cfg = None
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.work_dir, cfg.experiment_name = str(tmp_path), name
    runner = Runner.from_cfg(cfg)
    wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    before = {key: value.clone() for key, value in runner.model.named_parameters()}
    batch = next(iter(runner.build_dataloader(cfg.train_dataloader)))
    passes = []
    runner.model.backbone.register_forward_hook(lambda *_: passes.append(1))
    logs = runner.model.train_step(batch, wrapper)
    assert torch.isfinite(logs["loss"]) and len(passes) == 3
    stayed = [key for key, value in runner.model.named_parameters() if value.equal(before[key])]
    assert not stayed


def test_half_a_data_root_is_an_error(coco):
    cfg = load("hrnet_bsam.py", {"data_root": str(coco)})
    cfg.preflight = cfg.preflight[:1]
    preflight(cfg)
    next((coco / "val2017").iterdir()).unlink()
    with pytest.raises(InputError, match=f"{coco}/.*1 x missing_image: .*val2017/0"):
        preflight(cfg)
    shutil.rmtree(coco)
    with pytest.raises(InputError, match=f"{coco} is not a folder"):
        preflight(cfg)


@pytest.mark.parametrize("network", ["hrnet-w32", "simcc-r50", "rtmpose-s"])
def test_no_network_for_pretrained_weights_is_said_aloud(people, monkeypatch, capsys, network):
    def unreachable(*args, **kwargs):
        raise OSError("no route")

    monkeypatch.setattr(CheckpointLoader, "load_checkpoint", unreachable)
    name = f"{network}_bsam_coco-256x192.py"
    cfg = load(name, {"data_root": str(people)})
    preflight(cfg)
    assert cfg.model.backbone.init_cfg is None
    assert "TRAINING STARTS FROM RANDOM WEIGHTS" in capsys.readouterr().out
    missing = {"model.backbone.init_cfg.checkpoint": "none.pth", "data_root": str(people)}
    with pytest.raises(InputError, match="none.pth"):
        preflight(load(name, missing))
