"""Summaries of records, checked by hand."""

import csv
import json

import pytest

from bsam_suite.compare.methods import Method
from bsam_suite.compare.plan import Run
from bsam_suite.compare.report import report
from bsam_suite.compare.results import Record, collect, summarize
from bsam_suite.engine.summary import METRICS
from bsam_suite.errors import InputError

RECORDS = [
    Record(setting, rule, seed, epochs, passes, 10.0, base + gain + 0.01 * seed)
    for setting, base in (("rate=0", 0.9), ("rate=0.4", 0.5))
    for seed in range(3)
    for rule, epochs, passes, gain in (
        ("sgd", 5, 5, 0.0),
        ("bsam", 5, 15, 0.04),
        ("sgd x3", 15, 15, 0.01),
    )
]


def test_differences_are_to_the_first_rule_and_to_equal_compute():
    summaries = {(s.setting, s.rule): s for s in summarize(RECORDS)}
    bsam = summaries["rate=0.4", "bsam"]
    assert bsam.metric == (3, pytest.approx(0.55), pytest.approx(0.01))
    assert bsam.difference == pytest.approx((3, 0.04, 0.04, 0.04))
    assert bsam.at_equal_compute == pytest.approx((3, 0.03, 0.03, 0.03))
    assert summaries["rate=0", "sgd"].difference is None
    for rule in ("sgd", "sgd x3"):
        assert summaries["rate=0", rule].at_equal_compute is None


def test_what_is_done_is_collected(tmp_path):
    runs = []
    for seed in range(3):
        method = Method("sam", dict(type="SAM"), 2, 1)
        folder = tmp_path / str(seed)
        runs.append(Run(f"{seed}", "rate=0", method, seed, folder / "c.py", "", (), 4, folder))
    assert collect(runs, None) == ("", [])
    for run in runs[::2]:
        run.folder.mkdir()
        metrics = dict(accuracy=0.5 + run.seed, loss=0.25)
        content = dict(metrics=metrics, seconds=3.0 + run.seed, passes_per_step=1.5)
        (run.folder / METRICS).write_text(json.dumps(content))
    expected = [Record("rate=0", "sam", s, 4, 6, 3.0 + s, 0.5 + s) for s in (0, 2)]
    assert collect(runs, None) == ("accuracy", expected)
    assert [record.metric for record in collect(runs, "loss")[1]] == [0.25, 0.25]
    with pytest.raises(InputError, match="--metric AP: runs have accuracy, loss"):
        collect(runs, "AP")


def test_report_files(tmp_path, capsys):
    report(RECORDS, "accuracy", "python tools/compare.py ...", tmp_path)
    text = (tmp_path / "results.md").read_text()
    assert "| rate=0.4 | bsam   | 3     | 0.5500 ± 0.0100" in text
    assert "+0.0400 [+0.0400, +0.0400] | +0.0300 [+0.0300, +0.0300]" in text
    assert capsys.readouterr().out.strip() in text
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18 and rows[1]["rule"] == "bsam" and float(rows[1]["metric"]) == 0.9 + 0.04
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["summaries"][1]["metric"] == dict(
        n=3, mean=pytest.approx(0.95), std=pytest.approx(0.01)
    )
    assert (tmp_path / "results.png").stat().st_size > 1000
