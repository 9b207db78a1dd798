"""Checkpoints that somebody made to do harm: predicting with them does none.

While the network is made and used, every event of Python's own audit is taken down: nothing may be
imported, opened but the checkpoint itself, run, or fetched.
"""

import copy
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from bsam_suite.compat import import_mmpose
from bsam_suite.errors import InputError

import_mmpose()

import tasks.quantization.register_all  # noqa: E402, F401
from tasks.pose.predict.boxes import Box  # noqa: E402
from tasks.pose.predict.inferencer import Person, PoseInferencer  # noqa: E402
from tasks.pose.predict.results import Results  # noqa: E402

EVENTS: list[tuple[str, str]] | None = None
WATCHED = (
    "import",
    "open",
    "exec",
    "socket.",
    "urllib.",
    "subprocess.",
    "shutil.",
    "ctypes.",
    "os.",
)
HARMLESS = ("os.fwalk", "os.listdir", "os.scandir", "os.walk", "os.putenv")


def _note(event, arguments):
    if EVENTS is not None and event.startswith(WATCHED) and event not in HARMLESS:
        EVENTS.append((event, str(arguments[0]) if arguments else ""))


sys.addaudithook(_note)
SPRING = "import pathlib; pathlib.Path('sprung').touch()\n"
SHIPPED = Path(sys.modules["mmpose"].__file__).parent / ".mim/configs/_base_/datasets"
URL = "http://127.0.0.1:9/evil.pth"


@pytest.fixture(scope="module")
def honest(random_hrnet):
    """Content of a good checkpoint. It was used once, so that all that is lazy is there."""
    content = torch.load(random_hrnet, weights_only=True)
    use(str(random_hrnet))
    cfg = Config.fromstring(content["meta"]["cfg"], ".py")._cfg_dict.to_dict()
    cfg["custom_imports"]["imports"].append("tasks.quantization.register_all")
    return content["state_dict"], cfg


def use(path, folder=Path()):
    network = PoseInferencer(path)
    image = np.zeros((48, 36, 3), np.uint8)
    found = network.predict([Person(0, 1, image, Box((0, 0, 36, 48), 1.0))])
    Results(network.evaluator, network.metainfo, folder).add(found)


@pytest.fixture
def attack(honest, tmp_path, monkeypatch):
    """Use a checkpoint of the config ``text`` where traps lie on every path; returns the error."""
    for name in ("evil", "this_is_evil", "MSRAHeatmap", "TopdownAffine", "LoadImage"):
        (tmp_path / f"{name}.py").write_text(SPRING)
    (tmp_path / "evil.yaml").write_text("!!python/object/apply:pathlib.Path.touch [sprung]\n")
    (tmp_path / "evil.json").write_text("{}")
    for folder in ("configs/_base_/datasets", "evilpack"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("coco.py", "evil.py"):
        (tmp_path / "configs/_base_/datasets" / name).write_text(SPRING + "dataset_info = dict()")
    for name in ("__init__.py", "registry.py", "utils.py"):
        (tmp_path / "evilpack" / name).write_text(SPRING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    loaded, original = [], Config.fromfile

    def fromfile(path, *args, **kwargs):  # copies a config and runs it
        global EVENTS
        loaded.append(path)
        kept, EVENTS = EVENTS, None
        found = original(path, *args, **kwargs)
        EVENTS = kept
        return found

    monkeypatch.setattr(Config, "fromfile", fromfile)

    def attack(text, meta=None, state=honest[0]):
        global EVENTS
        path = str(tmp_path / "a.pth")
        meta = dict(cfg=text) if meta is None else meta
        torch.save(dict(meta=meta, state_dict=state), path)
        modules, error = set(sys.modules), None
        EVENTS = []
        try:
            use(path, tmp_path)
        except InputError as refused:
            error = str(refused)
        finally:
            events, EVENTS = EVENTS, None
        # Python itself looks for the source of a syntax error, by the name "<unknown>".
        assert set(events) <= {("open", path), ("open", "<unknown>")}
        assert set(sys.modules) == modules and not Path("sprung").exists()
        assert all(Path(p).parent == SHIPPED for p in loaded), loaded
        assert error is None or "\n" not in error and path in error
        return error

    return attack


def text(cfg):
    return "\n".join(f"{name} = {value!r}" for name, value in cfg.items())


def described(names, sigmas=None):
    info = {i: dict(name=name) for i, name in enumerate(names)}
    sigmas = sigmas or [0.05] * len(names)
    info = dict(dataset_name="evil", keypoint_info=info, skeleton_info={}, sigmas=sigmas)
    return dict(info, joint_weights=[1.0] * len(names))


def at(cfg, place):
    for step in place:
        cfg = cfg[step]
    return cfg


DATASET = ("test_dataloader", "dataset")
STEP = (*DATASET, "pipeline", 0)
QUANTIZED = dict(
    type="Quantized",
    quantization=dict(weight=dict(type="LSQ", bit_width=4), activation=None),
)
CODE = dict(
    dotted_function=(("model", "backbone"), dict(type="os.system", command="touch sprung")),
    dotted_class=(("model", "head", "loss"), dict(type="subprocess.Popen", args=["touch"])),
    own_module=(("model", "backbone"), dict(type="tasks.pose.people.__main__")),
    module=(("model", "backbone"), dict(type="this_is_evil")),
    module_of_python=(("model", "head", "decoder"), dict(type="antigravity")),
    module_of_a_step=(STEP, dict(type="this_is_evil")),
    module_of_the_data=(DATASET, dict(type="this_is_evil", metainfo=None)),
    module_of_a_norm=(("model", "backbone", "norm_cfg"), dict(type="this_is_evil")),
    module_in_a_list=(("model", "neck"), [[dict(a=dict(type="this_is_evil"))]]),
    whole_model=(("model",), dict(type="this_is_evil")),
    no_name=(("model", "backbone"), dict(type=["evil"])),
    codec_as_model=(("model", "backbone"), dict(type="MSRAHeatmap", input_size=(9, 9))),
    step_as_model=(("model", "backbone"), dict(type="TopdownAffine")),
    scope=(("model", "backbone"), dict(type="evilpack.ResNet")),
    scope_of_the_data=(DATASET, dict(type="evilpack.CocoDataset", metainfo=None)),
    optimizer=(("model", "neck"), dict(type="Adam")),
    hook=(("model", "neck"), dict(type="CheckpointHook", out_dir="out")),
    visualizer=(("model", "neck"), dict(type="PoseLocalVisualizer", save_dir="out")),
    runner=(("model",), dict(type="Runner", work_dir="out")),
    inferencer=(("model",), dict(type="Pose2DInferencer", model="evil.py")),
    distiller=(("model",), dict(type="DWPoseDistiller", teacher_cfg="evil.py")),
    distiller_inside=(("model", "backbone"), dict(type="DWPoseDistiller", student_cfg="evil.py")),
    lifter=(("model",), dict(type="PoseLifter", traj_backbone=dict(type="evil"))),
    average=(("model", "neck"), dict(type="ExponentialMovingAverage")),
    albumentation=(
        STEP,
        dict(type="Albumentation", transforms=[dict(type="load", filepath_or_buffer="evil.yaml")]),
    ),
    step_from_file=(STEP, dict(type="LoadImageFromFile", backend_args=dict(backend="http"))),
    renamed_keys=(
        STEP,
        dict(
            type="KeyMapper",
            mapping=dict(img_path="dataset_name"),
            transforms=[dict(type="LoadImageFromFile")],
        ),
    ),
    steps_by_chance=(STEP, dict(type="RandomApply", transforms=[dict(type="evil")])),
    step_as_text=(STEP, "evil"),
    function_as_step=(STEP, dict(type="prepare_people")),
    metainfo_file=((*DATASET, "metainfo"), dict(from_file="evil.py")),
    metainfo_yaml=((*DATASET, "metainfo"), dict(from_file="evil.yaml")),
    metainfo_url=((*DATASET, "metainfo"), dict(from_file=URL)),
    metainfo_up=(
        (*DATASET, "metainfo"),
        dict(from_file=f"{SHIPPED}/../../_base_/default_runtime.py"),
    ),
    metainfo_like_theirs=(
        (*DATASET, "metainfo"),
        dict(from_file="configs/_base_/datasets/evil.py"),
    ),
    metainfo_long=((*DATASET, "metainfo"), dict(from_file="_base_/datasets/" + "a" * 999)),
    metainfo_lines=((*DATASET, "metainfo"), dict(from_file="_base_/datasets/a\nb\0.py")),
    lines=(("model", "neck"), {"a\nb": dict(type="c\nd")}),
    imports_lines=(("custom_imports",), dict(imports=["evil\nsprung"])),
    metainfo_no_text=((*DATASET, "metainfo"), dict(from_file=["evil.py"])),
    metainfo_as_text=((*DATASET, "metainfo"), "evil.py"),
    metainfo_of_the_model=(("model", "metainfo"), dict(from_file="evil.py")),
    metainfo_deep=(("model", "head"), dict(type="HeatmapHead", metainfo=dict(from_file="evil.py"))),
    metainfo_empty=((*DATASET, "metainfo"), dict(dataset_name="evil")),
    metainfo_number=((*DATASET, "metainfo"), described(["nose", "knee"])),
    metainfo_name_lines=((*DATASET, "metainfo"), described(["metainfo\nevil"])),
    metainfo_name_no_text=((*DATASET, "metainfo"), described([*range(17)])),
    metainfo_sigmas=((*DATASET, "metainfo"), described("abcdefghijklmnopq", sigmas=["evil"] * 17)),
    imports=(("custom_imports",), dict(imports=["evil"])),
    imports_one=(("custom_imports",), dict(imports="evil")),
    imports_flat=(("custom_imports",), "evil"),
    imports_ours=(("custom_imports",), dict(imports=["bsam_suite.compat.__main__"])),
    imports_maybe=(("custom_imports",), dict(imports=["evil"], allow_failed_imports=True)),
    imports_deep=(("custom_imports",), dict(imports=[["evil"]])),
    bottom_up=(("model", "type"), "BottomupPoseEstimator"),
    data_as_text=(("test_dataloader",), "evil"),
    evaluator_as_text=(("test_evaluator",), "evil"),
    evaluator_mode=(("test_evaluator", "score_mode"), "evil"),
    huge_layers=(("model", "backbone"), dict(type="ResNet", depth=50, base_channels=2048)),
    huge_width=(("model", "head", "in_channels"), 10**9),
    many_layers=(("model", "backbone", "extra", "stage1", "num_blocks"), (10**9,)),
    huge_input=((*DATASET, "pipeline", 2), dict(type="TopdownAffine", input_size=(10**6, 10**6))),
    huge_batch=(("test_dataloader", "batch_size"), 10**9),
    arguments=(("model", "backbone"), dict(type="ResNet", depth=50, evil="evil.py")),
    keys=(("model", "backbone"), {"type": "ResNet", 7: 7}),
)


SAID = (
    r"\bPLACE\b",
    "a step '",
    "type to",
    "imports .*evil",
    "imports .*__main__",
    "metainfo",
    "is of class",
)
SAID += (
    "input_size",
    "larger model than",
    "allocate",
    "MSRAHeatmap is not in",
    "'evil'",
    "keywords",
)


@pytest.mark.parametrize("name", CODE)
def test_values_that_would_run_something_are_refused(honest, attack, name, monkeypatch):
    # What another test has imported is there already, and does nothing any more.
    monkeypatch.delitem(sys.modules, "tasks.pose.people.__main__", raising=False)
    cfg, (place, value) = copy.deepcopy(honest[1]), CODE[name]
    at(cfg, place[:-1])[place[-1]] = value
    error = attack(text(cfg))
    place_or_value = "|".join(SAID).replace("PLACE", str(place[-1]))
    assert re.search(place_or_value, error.replace("a.pth", "")), error
    quantized = dict(cfg, model=dict(QUANTIZED, model=cfg["model"]))
    if place[0] == "model":
        assert attack(text(quantized)) is not None


TAKEN = dict(
    weights_of_the_internet=(
        ("model", "backbone", "init_cfg"),
        dict(type="Pretrained", checkpoint=URL),
    ),
    weights_of_a_file=(("model", "init_cfg"), dict(type="Pretrained", checkpoint="evil.json")),
    weights_by_a_module=(("model", "head", "init_cfg"), [dict(type="this_is_evil")]),
    scope=(("model", "backbone", "_scope_"), "evilpack"),
    scope_of_a_step=((*STEP, "_scope_"), "evilpack"),
    reader_of_images=((*STEP, "backend_args"), dict(backend="memcached", sys_path="evilpack")),
    older_reader=((*STEP, "file_client_args"), dict(backend="petrel")),
    annotations=((*DATASET, "ann_file"), "/etc/passwd"),
    detections=((*DATASET, "bbox_file"), "/etc/passwd"),
    folder=((*DATASET, "data_root"), URL),
    at_once=((*DATASET, "lazy_init"), False),
    sampler=(("test_dataloader", "sampler"), dict(type="this_is_evil")),
    collate=(("test_dataloader", "collate_fn"), dict(type="prepare_people")),
    workers=(("test_dataloader", "worker_init_fn"), dict(type="this_is_evil")),
    results=(("test_evaluator", "outfile_prefix"), "sprung"),
    truth=(("test_evaluator", "ann_file"), "/etc/passwd"),
    hooks=(("custom_hooks",), [dict(type="this_is_evil")]),
    preparations=(("preflight",), [dict(type="this_is_evil")]),
    what_follows=(("resolve",), [dict(type="this_is_evil")]),
    more_metainfo=(("metainfo",), dict(from_file="evil.py")),
    base=(("_base_",), ["evil.py"]),
    scope_of_all=(("default_scope",), "evilpack"),
    loop=(("test_cfg",), dict(type="this_is_evil")),
    their_file=((*DATASET, "metainfo"), dict(from_file="configs/_base_/datasets/coco.py")),
    their_file_elsewhere=((*DATASET, "metainfo"), dict(from_file="../x/_base_/datasets/coco.py")),
    keypoints_as_values=(
        (*DATASET, "metainfo"),
        Config.fromfile(str(SHIPPED / "coco.py")).dataset_info.to_dict(),
    ),
    other_keypoints_as_values=((*DATASET, "metainfo"), described("abcdefghijklmnopq")),
    imported_already=(("custom_imports",), dict(imports=["os"])),
)


@pytest.mark.parametrize("name", TAKEN)
def test_values_that_prediction_does_not_need_do_nothing(honest, attack, name):
    cfg, (place, value) = copy.deepcopy(honest[1]), TAKEN[name]
    at(cfg, place[:-1])[place[-1]] = value
    assert attack(text(cfg)) is None


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.mkdir('sprung')",
        "from evil import *",
        "model = __import__('evil')",
        "model = dict(a=[open('sprung', 'w')])",
        "model = [i for i in open('sprung', 'w')]",
        "model = (lambda: 1)()",
        "model = f\"{open('sprung', 'w')}\"",
        "model = dict(**open('sprung', 'w'))",
        "model = {**{}}",
        "model = dict\nmodel = model()",
        "def dict(**a): open('sprung', 'w')\nmodel = dict()",
        "model: open('sprung', 'w') = 1",
        "model, other = 1, 2",
        "model.type = 1",
        "@open('sprung', 'w')\nclass A: pass",
        "model = {[]: 1}",
        "model = " + "[" * 500 + "]" * 500,
        "model = " + "-" * 100000 + "1",
        "model = " + "9" * 5000,
        "model = " + "1 + " * 100000 + "1",
        "model = a" + ".a" * 100000,
        "model = " + "dict(a=" * 150 + "a" + ")" * 150,
        "model = 0  # " + "a" * 10**6,
        "model = dict(",
        "\0",
        "",
    ],
)
def test_text_that_is_more_than_values_is_refused(attack, source):
    assert attack(source) is not None


@pytest.mark.parametrize(
    "meta", [5, [], dict(cfg=7), dict(cfg=["x"]), dict(config="import evil"), {}]
)
def test_a_place_of_the_config_that_holds_none(attack, meta):
    assert "no config" in attack(None, meta)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda state: 7, "a int for state_dict"),
        (lambda state: [*state.values()], "a list for state_dict"),
        (lambda state: {}, "larger model than the 0 weights"),
        (lambda state: {**state, "head.final_layer.bias": "evil"}, "tensor for 'head.final_layer"),
        (lambda state: {**state, 7: torch.ones(1)}, "no weights"),
        (lambda state: {k: v.to_sparse() for k, v in state.items()}, "no plain tensor for"),
        (lambda state: {k: v.to("meta") for k, v in state.items()}, "no plain tensor for"),
        (
            lambda state: {k: torch.zeros(()).expand(v.shape) for k, v in state.items()},
            "larger model than the [0-9]{1,3} weights",
        ),
    ],
)
def test_weights_that_are_none(honest, attack, change, said):
    assert re.search(said, attack(text(honest[1]), state=change(dict(honest[0]))))
