"""The tables of the results are what ``benchmarks/results.py`` makes of the records."""

import re
import runpy
from pathlib import Path

import pytest

from bsam_suite.compare.study import read_study
from bsam_suite.compat import patch_mmengine

ROOT = Path(__file__).parents[2]
TEXT = "\n".join((ROOT / f"docs/{page}.md").read_text() for page in ("results", "result_tables"))


@pytest.mark.parametrize("name", ["wrong_labels", "few_digits"])
def test_tables_come_from_the_records(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    patch_mmengine()
    tables = runpy.run_path(str(ROOT / "benchmarks/results.py"))["tables"]
    study = read_study(f"benchmarks/studies/{name}.py")
    found = tables(study, Path("benchmarks/records", name))
    *tables, share = found
    assert len(tables) == 4 and all(re.fullmatch(r"(\|.*\|\n?)+", table) for table in tables)
    for table in tables:
        assert table in TEXT
    assert "(edge)" not in "".join(tables) and "BSAM tuned gains" in share
