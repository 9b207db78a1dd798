"""The page on adding a task is run as it stands."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(folder, tool, *arguments):
    command = [sys.executable, str(ROOT / tool), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_the_page_works(tmp_path):
    page = (ROOT / "docs/add_a_task.md").read_text()
    files = re.findall(r"^`(\S+\.py)`:\n\n```python\n(.*?)^```", page, re.M | re.S)
    assert len(files) == 2
    for name, code in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    command = re.search(r"^python (tools/train\.py .*)$", page, re.M)[1].split()
    done = run(tmp_path, *command)
    assert done.returncode == 0, done.stderr[-2000:]
    accuracy = float(re.findall(r"^accuracy +([\d.]+)$", done.stdout, re.M)[-1])
    assert accuracy > 0.9
    assert "flatness" in done.stdout
    assert (tmp_path / "work_dirs/mlp_bsam/curves.png").exists()

    # The same config under plain SGD: nothing but the optim_wrapper line differs.
    plain = tmp_path / "spirals/mlp_sgd.py"
    plain.write_text(
        "_base_ = './mlp_bsam.py'\n"
        "optim_wrapper = dict(_delete_=True, optimizer=dict(type='SGD', lr=0.1, momentum=0.9))\n"
    )
    done = run(tmp_path, "tools/train.py", str(plain.relative_to(tmp_path)))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "flatness" not in done.stdout
    next_command = re.search(r"^Next: \S+ (\S+ \S+ \S+)", done.stdout, re.M)[1].split()
    tested = run(tmp_path, *next_command)
    assert tested.returncode == 0, tested.stderr[-2000:]
    last = re.findall(r"^accuracy +([\d.]+)$", done.stdout, re.M)[-1]
    assert f" {last}" in tested.stdout
