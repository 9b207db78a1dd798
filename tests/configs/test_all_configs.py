"""All configs: data alone, what the tools train with, and trained or built as they stand."""

import ast
from functools import cache
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.optim import build_optim_wrapper
from mmengine.registry import DATASETS, HOOKS, MODELS, TRANSFORMS, DefaultScope
from mmengine.runner import Runner

from bsam_suite.engine.config import load_config, move_data_root
from bsam_suite.engine.resolve import workers
from tasks.pose import register_all
from tasks.pose.people import people_root
from tasks.segmentation.register_all import people as masks

ROOT = Path(__file__).parents[2]
FILES = {str(p.relative_to(ROOT / "configs")): p for p in (ROOT / "configs").rglob("*.py")}
NAMES = sorted(name for name in FILES if "_base_" not in name)
FRONT = ("pose/hrnet_", "segmentation/fcn_")  # on the built-in people without other data
PEOPLE = [name for name in NAMES if "people" in name or name.startswith(FRONT)]
DIGITS = [n for n in NAMES if n.split("/")[1].startswith(("resnet", "mobile", "transfer", "pre"))]
LOW_BITS = ("quantization/pose_w", "quantization/segmentation_w")
ON_DISK = [n for n in NAMES if n not in {*PEOPLE, *DIGITS} and not n.startswith(LOW_BITS)]
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")
MMPOSE = {
    "hrnet-w32_adam_coco-256x192": "td-hm_hrnet-w32_8xb64-210e_coco-256x192",
    "hrnet-w32_adam_coco-384x288": "td-hm_hrnet-w32_8xb64-210e_coco-384x288",
    "hrnet-w48_adam_coco-256x192": "td-hm_hrnet-w48_8xb32-210e_coco-256x192",
    "hrnet-w48_adam_coco-384x288": "td-hm_hrnet-w48_8xb32-210e_coco-384x288",
    "simplebaseline-r50_adam_coco-256x192": "td-hm_res50_8xb64-210e_coco-256x192",
    "simplebaseline-r101_adam_coco-256x192": "td-hm_res101_8xb64-210e_coco-256x192",
    "simcc-r50_adam_coco-256x192": "simcc_res50_8xb64-210e_coco-256x192",
    "rtmpose-m_adamw_coco-256x192": "rtmpose-m_8xb256-420e_coco-256x192",
    "rtmpose-s_adamw_coco-256x192": "rtmpose-s_8xb256-420e_coco-256x192",
}


@cache
def read(name):
    """As MMEngine alone reads it."""
    return Config.fromfile(FILES[name])


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A working directory without data."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_config_is_data(name):
    """It imports nothing, looks at nothing, and leaves nothing behind that it has to delete."""
    tree = ast.parse(FILES[name].read_text())
    forbidden = (ast.Import, ast.ImportFrom, ast.Delete, ast.With, ast.If, ast.For, ast.Try)
    assert not [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, forbidden)]
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and _named(n.func)}
    local = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    assert called <= {"dict", "min", *local}


def _named(function):
    return isinstance(function, ast.Name)


@pytest.mark.parametrize("name", NAMES)
def test_mmengine_reads_what_the_tools_train_with(name, empty):
    """But for what is left to the machine: the place of the people, and how many workers."""
    plain, loaded = Config(read(name).to_dict()), load_config(str(FILES[name]))
    plain.pop("replaced_by", None)
    steps = [entry.type for entry in plain.get("resolve", [])]
    if "people_folder" in steps:
        move_data_root(plain, str(people_root()))
    if "workers_by_cores" in steps:
        for loader in LOADERS:
            plain[loader].num_workers = workers()
        plain.resolve = [entry for entry in plain.resolve if entry.type != "workers_by_cores"]
    if "float_checkpoint" in steps:
        assert plain.model.checkpoint is None
        plain.model.checkpoint = loaded.model.checkpoint
        assert loaded.model.checkpoint.startswith("work_dirs/float/")
    assert loaded.to_dict() == plain.to_dict()


@HOOKS.register_module()
class StopAfterTwoSteps(Hook):
    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        assert torch.isfinite(outputs["loss"])
        if batch_idx == 1:
            raise KeyboardInterrupt


# The tiny ones are the bases of others; of low bits the others differ by a number or by their rule.
BASES = ("quantization/", "pose/hrnet-tiny", "segmentation/fcn-tiny")
TRAINED = [n for n in [*PEOPLE, *DIGITS] if not n.startswith(BASES)]
TRAINED += [n for n in NAMES if n.startswith("quantization/") and n.endswith("w4a4_bsam.py")]


@pytest.mark.parametrize("name", TRAINED)
def test_mmengine_alone_trains_two_steps(name, empty, people):
    (empty / "data").mkdir()
    (empty / "data/people").symlink_to(people)
    cfg = Config(read(name).to_dict())
    if "transfer" in name:
        _pretrain(cfg.model)
    cfg.work_dir, cfg.experiment_name = "out", name.replace("/", "-")
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type="StopAfterTwoSteps")]
    with pytest.raises(KeyboardInterrupt):
        Runner.from_cfg(cfg).train()


def _pretrain(model):
    file = Path(model.transfer_from)
    file.parent.mkdir(parents=True)
    before = MODELS.build({**model, "transfer_from": None})
    torch.save(dict(state_dict=before.state_dict()), file)


@pytest.mark.parametrize(
    ("name", "module"),
    [("pose/hrnet_bsam.py", register_all.dataset), ("segmentation/fcn_bsam.py", masks)],
)
def test_people_that_are_not_there_are_written(name, module, empty, people, monkeypatch):
    monkeypatch.setattr(module, "write_people", lambda root: Path(root).symlink_to(people))
    (empty / "data").mkdir()
    cfg = read(name)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        data = DATASETS.build(cfg.train_dataloader.dataset)
    assert len(data) >= 48


@pytest.mark.parametrize("name", ON_DISK)
def test_those_of_data_on_disk_build(name):
    """Model, most on the meta device that holds no numbers, optimizer, hooks and transforms."""
    cfg = Config(read(name).to_dict())
    with DefaultScope.overwrite_default_scope(cfg.get("default_scope")):
        model = _model(str(cfg.model.to_dict()))
        build_optim_wrapper(model, cfg.optim_wrapper)
        for hook in cfg.custom_hooks:
            HOOKS.build(hook)
        for loader in LOADERS:
            for step in cfg[loader].dataset.get("pipeline", []):
                TRANSFORMS.build(step)


@cache
def _model(text):
    """One for all rules."""
    # MMSegmentation's transformer reads numbers while it is built.
    with torch.device("cpu" if "MixVisionTransformer" in text else "meta"):
        return MODELS.build({**ast.literal_eval(text), "data_preprocessor": None})


@pytest.mark.parametrize("name", MMPOSE)
def test_coco_recipes_are_mmposes_but_for_what_they_declare(name):
    ours = _without_scope(read(f"pose/{name}.py").to_dict())
    (file,) = Path(import_path(), ".mim/configs/body_2d_keypoint").rglob(f"{MMPOSE[name]}.py")
    theirs = _without_scope(Config.fromfile(file).to_dict())
    added = ("coco", "custom_imports", "metainfo", "preflight", "resolve")
    theirs |= {field: ours[field] for field in added}
    changed = ["train_pipeline"] + ["train_pipeline_stage2"] * ("rtmpose" in name)
    for field in changed:
        theirs[field] = [_changed(step) for step in theirs[field]]
    loader = theirs["train_dataloader"]
    loader["collate_fn"] = dict(type="pose_collate")
    loader["dataset"]["pipeline"] = theirs["train_pipeline"]
    for split in ("val", "test"):
        theirs[f"{split}_dataloader"]["dataset"] |= dict(
            type="AnyCategoryCocoDataset", bbox_file=""
        )
    hooks = theirs["custom_hooks"]
    if "rtmpose" in name:
        last = dict(type="PipelineSwitchHook", switch_pipeline=theirs["train_pipeline_stage2"])
        hooks[1:] = [dict(last, num_last_epochs=30), dict(type="SyncBuffersHook")]
    hooks += [dict(type="ContactSheetHook"), dict(type="CurvesHook", metric="coco/AP")]
    assert ours == theirs


def import_path():
    import mmpose

    return Path(mmpose.__file__).parent


def _changed(step):
    kind = step["type"]
    if kind == "LoadImage":
        return dict(step, type="LoadWholeImage")
    if kind in ("RandomFlip", "RandomBBoxTransform"):
        return dict(step, type=f"Fast{kind}")
    if kind == "mmdet.YOLOXHSVRandomAug":
        return dict(type="YOLOXHSVRandomAug")
    if kind == "Albumentation":
        blur, median, hole = (inner["p"] for inner in step["transforms"])
        return dict(type="BlurAndErase", blur=blur, median=median, erase=hole)
    return step


def _without_scope(value):
    if isinstance(value, dict):
        return {k: _without_scope(v) for k, v in value.items() if k != "_scope_"}
    if isinstance(value, (list, tuple)):
        return type(value)(_without_scope(v) for v in value)
    return value
