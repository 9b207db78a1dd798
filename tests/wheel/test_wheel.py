"""What `pip install bsam-suite` gives: the library alone, at work in a folder of one's own."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from mmengine.config import Config

import bsam_suite

ROOT = Path(__file__).parents[2]
KEPT = (
    *("benchmarks", "bsam_suite", "configs", "docs", "examples", "tasks", "tests", "tools"),
    *("CHANGELOG.md", "CITATION.cff", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE"),
    *("MANIFEST.in", "Makefile", "README.md", "pyproject.toml"),
)


def test_the_wheel_holds_the_typed_library_and_nothing_else(wheel):
    (file,) = wheel.parents[2].glob("*.whl")
    names = zipfile.ZipFile(file).namelist()
    assert {name.split("/")[0] for name in names} == {
        "bsam_suite",
        f"bsam_suite-{bsam_suite.__version__}.dist-info",
    }
    modules = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("bsam_suite/**/*.py")}
    assert modules | {"bsam_suite/py.typed"} == {n for n in names if n.startswith("bsam_suite/")}


def test_a_source_archive_holds_what_tests_and_readers_need(tmp_path):
    for path in ROOT.iterdir():
        if path.name in KEPT:
            (tmp_path / path.name).symlink_to(path)
    build = "from setuptools import build_meta; print(build_meta.build_sdist('.'))"
    built = subprocess.run(
        [sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    file = tmp_path / built.stdout.split()[-1]
    checked = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", file], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout
    with tarfile.open(file) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    tracked = {
        path.relative_to(ROOT).as_posix()
        for top in KEPT
        for path in [ROOT / top, *(ROOT / top).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert len(tracked) > 500 and tracked <= names


def test_only_the_commands_of_the_library_are_there(in_wheel):
    listed = re.findall(r"^  (\w+) ", in_wheel("bsam").stdout, re.M)
    assert listed == [
        "train",
        "test",
        "compare",
        "find_rho",
        "analyze_flatness",
        "plot_landscape",
        "export_onnx",
    ]
    assert in_wheel("bsam --version").stdout.strip() == bsam_suite.__version__
    assert in_wheel("python -c 'import tasks'").returncode == 1
    refused = in_wheel("bsam tran x.py")
    assert refused.returncode == 1 and "'tran'" in refused.stderr and "'train'" in refused.stderr


@pytest.mark.long
def test_any_config_trains_with_any_rule_and_goes_on_with_it_alone(in_wheel, project, tmp_path):
    options = "--amp --cfg-options optim_wrapper.clip_grad.max_norm=1"
    trained = in_wheel(f"bsam train configs/line_sgd.py --rule bsam rho=0.1 {options}")
    assert trained.returncode == 0, trained.stderr[-2000:]
    assert "flatness" in trained.stdout
    assert "Checkpoint: work_dirs/line_sgd/epoch_2.pth" in trained.stdout
    assert "Next: bsam test configs/line_sgd.py work_dirs/line_sgd/epoch_2.pth" in trained.stdout
    dumped = tmp_path / "work_dirs/line_sgd/line_sgd.py"
    trained_with = Config.fromfile(dumped, import_custom_modules=False)
    assert trained_with.optim_wrapper.to_dict() == dict(
        type="SharpnessOptimWrapper",
        rule=dict(type="BSAM", rho=0.1),
        optimizer=dict(type="SGD", lr=0.1),
        clip_grad=dict(max_norm=1),
        dtype="bfloat16",
    )

    more = "--resume auto --work-dir work_dirs/line_sgd --cfg-options train_cfg.max_epochs=3"
    went_on = in_wheel(f"bsam train configs/line_sgd.py --rule BSAM rho=0.1 {more}")
    assert went_on.returncode == 0, went_on.stderr[-2000:]
    refused = in_wheel(f"bsam train configs/line_sgd.py --rule SAM rho=0.1 {more}")
    assert refused.returncode == 1 and "rule is BSAM in the checkpoint, SAM" in refused.stderr

    plain = in_wheel("bsam train configs/line_sgd.py --rule none --amp --work-dir plain")
    assert plain.returncode == 0, plain.stderr[-2000:]
    assert "flatness" not in plain.stdout


@pytest.mark.long
def test_the_command_to_start_several_processes(in_wheel, project):
    refused = in_wheel("bsam train configs/line_sgd.py --launcher pytorch")
    torchrun, words = re.search(r"start it as (\S+) (.*)$", refused.stderr.strip()).groups()
    assert Path(torchrun).name == "torchrun"  # not of this environment, nor is PyTorch
    words = words.replace("--nproc_per_node N", "--nproc_per_node 2 --standalone")
    words = words.replace("CONFIG", "configs/line_sgd.py")
    trained = in_wheel(f"python -m torch.distributed.run {words}")
    assert trained.returncode == 0, trained.stderr[-2000:]
    assert "[2/2]" in trained.stdout  # of 32 samples in batches of 8 each has two


def test_the_plain_loop_of_the_readme(in_wheel, tmp_path):
    readme = (ROOT / "README.md").read_text()
    loop = re.search(r"```python\n(from bsam_suite.optim import BSAM\n.*?)```", readme, re.S)[1]
    (tmp_path / "loop.py").write_text(f"""
import torch

model = torch.nn.Linear(3, 1)
x = torch.randn(8, 3)

def closure():
    optimizer.zero_grad()
    loss = (model(x).squeeze(1) - x.sum(1)).square().mean()
    loss.backward()
    return loss

{loop}
first = loss.item()
for _ in range(20):
    loss = optimizer.step(closure)
print(loss.item() < first / 2)
""")
    done = in_wheel("python loop.py")
    assert done.stdout.strip() == "True", done.stderr[-2000:]
