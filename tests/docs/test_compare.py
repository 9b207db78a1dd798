"""docs/compare.md: its study is one; and so are those of benchmarks/."""

import re
from pathlib import Path

import pytest

from bsam_suite.compare.plan import TEST, TUNING, Folders, plan_runs
from bsam_suite.compare.stages import Stages
from bsam_suite.compare.study import combinations, read_study
from bsam_suite.compat import patch_mmengine

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/compare.md").read_text()


def test_the_study_of_the_page_can_be_planned(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    patch_mmengine()
    file = tmp_path / "study.py"
    file.write_text(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1])
    stages = Stages(read_study(str(file)), tmp_path / "out", tmp_path / "records", make=None)
    assert stages.tune() == {}
    # Five methods are tuned in the first cell alone, by six trials of two seeds.
    assert len(stages.runs) == 5 * 6 * 2
    assert {run.cell for run in stages.runs} == {"digits, 40% wrong"}


@pytest.mark.parametrize(
    "file", sorted((ROOT / "benchmarks/studies").glob("*.py")), ids=lambda f: f.stem
)
def test_the_studies_of_the_repository_can_be_planned(file, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    patch_mmengine()
    study, folders = read_study(str(file)), Folders(tmp_path / "out", tmp_path / "records")
    for cell in study.cells:
        for method in cell.methods:
            first = combinations(method.tune)[0]
            for part in (TUNING, TEST):
                (run,) = plan_runs(study, cell, method, first, part, [0], folders)
                assert run.training.hash and run.training.passes > 0
