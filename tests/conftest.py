"""Shared by all tests: a small set of people, written once, and a runner of the tools."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

# The tests run several at a time. Before PyTorch is imported, and for the tools that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# With TEST_DEVICE=cuda the tests that make their tensors on the default device run there.
if os.environ.get("TEST_DEVICE"):
    import torch
    from mmengine.model import BaseDataPreprocessor

    torch.set_default_device(os.environ["TEST_DEVICE"])
    # It takes the CPU's until the model is moved, which models made on the device are not.
    BaseDataPreprocessor.device = property(lambda _: torch.get_default_device())

ROOT = Path(__file__).parents[1]
CONTROL = {chr(code) for code in (*range(32), 127)} - {"\t", "\n"}
SMALL = ["people.train=48", "people.val=12"]
FISH = ["tip", "left_fin", "right_fin", "left_tail", "right_tail"]


@pytest.fixture(autouse=True)
def seeded():
    """Every test draws the same numbers, whatever ran before it."""
    import random

    import numpy
    import torch

    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)


def pytest_collection_modifyitems(items):
    """The longest first, so that no worker waits for another one at the end."""
    items.sort(key=lambda item: item.path.parent.name not in ("tools", "reliability", "wheel"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """With NO_SKIPS=1, as CI sets it, a test that does not run fails: none is left out unseen."""
    report = yield
    if report.skipped and os.environ.get("NO_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped under NO_SKIPS: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """A cache folder of the tests' own."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def people(home):
    """Root of a small set of people in COCO layout."""
    from tasks.pose.people import write_people

    return write_people(home / "people-v2-small", train=48, val=12, seed=1, progress=False)


@pytest.fixture(scope="session")
def random_hrnet(tmp_path_factory):
    """Checkpoint of a small HRNet of random weights, whose heatmaps have clear peaks."""
    import torch

    from bsam_suite.engine.config import load_config

    cfg = load_config(str(ROOT / "configs/pose/hrnet-tiny_adam_people-128x96.py"))
    from mmpose.registry import MODELS

    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.head.final_layer.weight.data *= 1000
    path = tmp_path_factory.mktemp("random_hrnet") / "random.pth"
    torch.save(dict(meta=dict(cfg=cfg.pretty_text), state_dict=model.state_dict()), path)
    return path


@pytest.fixture(scope="session")
def make_set():
    """Write a COCO-format set of objects with these keypoints: ``make_set(root, names)``."""

    import cv2
    import numpy as np

    def make(root, names, skeleton=(), images=2):
        rng = np.random.default_rng(0)
        (root / "annotations").mkdir(parents=True)
        for split, first in dict(train2017=1, val2017=101).items():
            (root / split).mkdir()
            listed, annotations = [], []
            for number in range(first, first + images):
                picture = rng.integers(0, 255, (120, 160, 3)).astype(np.uint8)
                cv2.imwrite(str(root / split / f"{number}.png"), picture)
                listed.append(dict(id=number, file_name=f"{number}.png", width=160, height=120))
                points = np.full((len(names), 3), 2)
                points[:, 0] = 50 + np.arange(len(names)) * 40 // len(names)
                points[:, 1] = rng.integers(30, 90, len(names))
                annotations.append(
                    dict(id=number, image_id=number, category_id=1, iscrowd=0, area=1e5)
                    | dict(num_keypoints=len(names), bbox=[40, 20, 60, 80])
                    | dict(keypoints=points.ravel().tolist())
                )
            kind = dict(id=1, name="fish", keypoints=names, skeleton=skeleton)
            content = dict(images=listed, annotations=annotations, categories=[kind])
            path = root / f"annotations/person_keypoints_{split}.json"
            path.write_text(json.dumps(content))
        return root

    return make


@pytest.fixture(scope="session")
def fish(make_set, tmp_path_factory):
    """Root of a set of objects with 5 keypoints."""
    return make_set(tmp_path_factory.mktemp("fish") / "set", FISH, [[1, 2], [1, 3]])


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """``bsam`` of an environment with the wheel alone beside the packages that it needs.

    These are the ones installed here, by a line each in a ``.pth`` file. The ``.pth`` files among
    them, such as an editable install's, are not read there.
    """
    import venv

    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "bsam_suite", source / "bsam_suite")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "from setuptools import build_meta; print(build_meta.build_wheel('..'))"
    run = partial(subprocess.run, check=True, capture_output=True, text=True)
    built = run([sys.executable, "-c", build], cwd=source).stdout.split()[-1]
    venv.create(folder / "env")
    python = folder / "env/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", python]
    run([*pip, "install", "--no-index", "--no-deps", folder / built])
    where = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
    packages = [path for path in sys.path if Path(path).name == "site-packages"]
    (Path(where.stdout.strip()) / "shared.pth").write_text("\n".join(packages))
    return folder / "env/bin/bsam"


@pytest.fixture
def in_wheel(wheel, tmp_path):
    """Run a command line where the wheel is installed, from an empty folder."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env["PATH"] = f"{wheel.parent}:{os.defpath}"
    return partial(
        subprocess.run, shell=True, cwd=tmp_path, env=env, capture_output=True, text=True
    )


@pytest.fixture(scope="session")
def tool_server():
    """The process that :mod:`tool_server` describes."""
    command = [sys.executable, str(Path(__file__).with_name("tool_server.py"))]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as server:
        yield server
        server.stdin.close()


@pytest.fixture
def tool(tool_server, home, tmp_path):
    """Run ``tools/NAME.py`` from an empty folder, as a user would."""

    def run(name, config, *args, options=()):
        path, config = ROOT / f"tools/{name}.py", str(ROOT / config)
        arguments = [config, *map(str, args)]
        if options:
            arguments += ["--cfg-options", *options]
        output = [tmp_path / name for name in (".stdout", ".stderr")]
        request = dict(path=str(path), args=arguments, cwd=str(tmp_path))
        request |= dict(env=dict(os.environ, BSAM_SUITE_HOME=str(home)))
        request |= dict(out=str(output[0]), err=str(output[1]))
        print(json.dumps(request), file=tool_server.stdin, flush=True)
        status = int(tool_server.stdout.readline())
        texts = [file.read_text() for file in output]
        for text in texts:  # a file gets no colours, and no lines that overwrite others
            assert not set(text) & CONTROL, repr(text)
        assert status or texts[0].splitlines()[-1].startswith("Next"), texts[0]
        for file in output:
            file.unlink()
        return subprocess.CompletedProcess([str(path), *arguments], status, *texts)

    return run
