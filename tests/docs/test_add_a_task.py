"""The page on adding a task is run as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_the_page_works(in_wheel, tmp_path):
    page = (ROOT / "docs/add_a_task.md").read_text()
    files = re.findall(r"^`(\S+\.py)`:\n\n```python\n(.*?)^```", page, re.M | re.S)
    assert len(files) == 2
    for name, code in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(code)
    done = in_wheel(re.search(r"^bsam train .*$", page, re.M)[0])
    assert done.returncode == 0, done.stderr[-2000:]
    accuracy = float(re.findall(r"^accuracy +([\d.]+)$", done.stdout, re.M)[-1])
    assert accuracy > 0.9
    assert "flatness" in done.stdout
    assert (tmp_path / "work_dirs/mlp_bsam/curves.png").exists()

    # The same config under plain SGD.
    done = in_wheel("bsam train configs/mlp_bsam.py --rule none")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "flatness" not in done.stdout
    tested = in_wheel(re.search(r"^Next: (.*)$", done.stdout, re.M)[1])
    assert tested.returncode == 0, tested.stderr[-2000:]
    last = re.findall(r"^accuracy +([\d.]+)$", done.stdout, re.M)[-1]
    assert f" {last}" in tested.stdout
