"""Summaries of records, checked by hand."""

import csv
import json

import pytest

from bsam_suite.compare.report import report
from bsam_suite.compare.results import Record, summarize

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
