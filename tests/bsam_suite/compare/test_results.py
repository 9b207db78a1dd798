"""Summaries of records, checked by hand."""

import csv
import json
import math
import re

import pytest

from bsam_suite.compare.plot import plot_runs
from bsam_suite.compare.record import Record, code_hash
from bsam_suite.compare.report import report
from bsam_suite.compare.results import Results, collect, summarize
from bsam_suite.compare.study import Cell, Method, Study
from bsam_suite.compare.tuning import Choice, Trial
from bsam_suite.errors import InputError


def made_up(cell, method, seed, epochs, passes, curve, code=None, failed=None, **measures):
    return Record(
        cell=cell,
        method=method,
        chosen={},
        part="test",
        seed=seed,
        epochs=epochs,
        passes=passes,
        seconds=10.0,
        metrics={} if failed else {"accuracy": curve},
        measures=measures,
        failed=failed,
        config="0",
        code=code or code_hash(),
        machine="",
    )


RECORDS = [
    made_up(cell, method, seed, epochs, passes, {1: 0.1, epochs: base + gain + 0.01 * seed})
    for cell, base in (("rate=0", 0.9), ("rate=0.4", 0.5))
    for seed in range(3)
    for method, epochs, passes, gain in (
        ("sgd", 5, 5, 0.0),
        ("bsam", 5, 15, 0.04),
        ("sgd x3", 15, 15, 0.01),
    )
]
NAMES = ("sgd", "bsam", "sgd x3")
CELLS = [Cell("", n, methods=[Method(m) for m in NAMES]) for n in ("rate=0", "rate=0.4")]


def test_differences_are_to_the_first_rule_and_to_equal_compute():
    summaries = {(s.cell, s.method): s for s in summarize(Results("accuracy", RECORDS))}
    bsam = summaries["rate=0.4", "bsam"]
    assert bsam.last == (3, pytest.approx(0.55), pytest.approx(0.01))
    assert bsam.difference == pytest.approx((3, 0.04, 0.04, 0.04))
    assert bsam.at_equal_compute == pytest.approx((3, 0.03, 0.03, 0.03))
    assert summaries["rate=0", "sgd"].difference is None
    for method in ("sgd", "sgd x3"):
        assert summaries["rate=0", method].at_equal_compute is None


@pytest.mark.parametrize("higher, best", [(True, 0.8), (False, 0.2)])
def test_last_and_best_epoch_and_the_one_chosen_before(higher, best):
    curve = {1: 0.2, 2: 0.8, 3: 0.6, 4: 0.4}
    records = [made_up("", "sgd", seed, 4, 4, curve) for seed in range(2)]
    records.append(made_up("", "sgd", 2, 4, 4, {}, failed="diverged after 3 iterations"))
    (found,) = summarize(Results("accuracy", records), higher, {("", "sgd"): 3})
    assert (found.last, found.best, found.stopped) == ((2, 0.4, 0.0), (2, best, 0.0), (2, 0.6, 0.0))
    assert found.diverged == 1
    (found,) = summarize(Results("accuracy", records))
    assert found.stopped is None


def test_what_is_done_is_collected(compared, record):
    runs = compared(rules=["sam"], seeds=3)
    assert collect(runs, None) == Results("", [])
    for run in runs[::2]:
        record(run, 0.25, 0.5 + run.seed)
    found = collect(runs, None)
    assert found.metric == "accuracy" and found == collect(runs, "accuracy")
    assert [(r.seed, r.last("accuracy")) for r in found.records] == [(0, 0.5), (2, 2.5)]
    assert found.records[0].metrics == {"accuracy": {2: 0.25, 4: 0.5}}
    with pytest.raises(InputError, match="--metric AP: runs have accuracy"):
        collect(runs, "AP")


def test_report_files(tmp_path, capsys):
    command = "python tools/compare.py ..."
    report(Study(CELLS), {}, Results("accuracy", RECORDS), command, tmp_path)
    text = (tmp_path / "results.md").read_text()
    assert "| rate=0.4 | bsam   | 3     | 0.5500 ± 0.0100" in text
    assert "+0.0400 [+0.0400, +0.0400] | +0.0300 [+0.0300, +0.0300]" in text
    # Of two cells, each two differences to the first rule and one to equal compute.
    assert "6 differences were looked at" in text and "0.3 times" in text
    assert "other code" not in text
    assert all(line in text for line in capsys.readouterr().out.splitlines())
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 18
    assert rows[1]["method"] == "bsam" and float(rows[1]["accuracy"]) == 0.9 + 0.04
    content = json.loads((tmp_path / "results.json").read_text())
    assert content["summaries"][1]["last"] == dict(
        n=3, mean=pytest.approx(0.95), std=pytest.approx(0.01)
    )
    assert (tmp_path / "results.png").stat().st_size > 1000

    page = (tmp_path / "results.html").read_text()
    drawn = re.findall(r"Plotly\.newPlot\(\s*\"[^\"]+\",\s*(\[.*?\]),\s*\{", page)
    dots = [trace for data in drawn for trace in json.loads(data) if trace["type"] == "box"]
    runs = {}
    for run in content["runs"]:
        runs.setdefault((run["cell"], run["method"]), []).append(run["metrics"]["accuracy"])
    last = [[list(curve.values())[-1] for curve in curves] for curves in runs.values()]
    assert [trace["y"] for trace in dots] == last
    cells = re.findall("<td>(.*?)</td>", page)
    for summary in content["summaries"]:
        assert f"{summary['last']['mean']:.4f} ± {summary['last']['std']:.4f}" in cells
        if summary["difference"]:
            low, high = summary["difference"]["low"], summary["difference"]["high"]
            assert f"{summary['difference']['mean']:+.4f} [{low:+.4f}, {high:+.4f}]" in cells
    assert "<dt>seeds</dt><dd>0, 1, 2</dd>" in page and f"<code>{command}</code>" in page


def test_a_study_s_page_says_what_was_tried_and_how_old_the_records_are(tmp_path, capsys):
    lr = "optim_wrapper.optimizer.lr"
    methods = [Method("sgd", tune={lr: [0.1, 0.3]}), Method("ema", choice_of="sgd")]
    study = Study([Cell("", methods=methods)], "accuracy", trials=2)
    tried = [Trial({lr: 0.1}, {1: 0.7, 2: 0.6}), Trial({lr: 0.3}, {})]
    choice = Choice("", "sgd", {lr: 0.1}, 1, tried, [lr])
    records = [
        made_up("", name, seed, 2, 2, {1: 0.5, 2: 0.4}, code, **measures)
        for seed in (2, 3)
        for name, code, measures in (
            ("sgd", None, {"fit/accuracy": 0.99 + seed / 1000, "flatness/trace": 12.0}),
            ("ema", "0ld", {"robustness/blur 0.03": 0.25}),
        )
    ]
    report(study, {("", "sgd"): choice}, Results("accuracy", records), "", tmp_path)
    text = (tmp_path / "results.md").read_text()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    assert ["lr=0.1", "0.6000", "chosen"] in lines and ["lr=0.3", "diverged", ""] in lines
    assert text.count(f"Widen what is tried: of {lr}, chosen for sgd with lr=0.1, the value") == 1
    assert "2 of 4 records were made by other code (0ld)." in text
    header = next(line for line in lines if "stopped early" in line)
    rows = [dict(zip(header, line)) for line in lines if line[:1] in (["sgd"], ["ema"])]
    assert [row["stopped early"] for row in rows[:2]] == ["0.5000 ± 0.0000"] * 2
    assert rows[0]["on the training data"] == "0.9925 ± 0.0007"
    assert "seconds" not in header
    assert ["", "sgd", "12.0000 ± 0.0000"] in lines  # a table for each kind of measures
    assert ["setting", "rule", "blur 0.03"] in lines and ["", "ema", "0.2500 ± 0.0000"] in lines
    assert "is at the edge" in capsys.readouterr().out
    assert math.isclose(
        json.loads((tmp_path / "results.json").read_text())["choices"][0]["epoch"], 1
    )


def test_picture_of_a_comparison(figures, tmp_path):
    values = {"": dict(sgd=[0.5, 0.75], sam=[1.0]), "rate=0.4": dict(sgd=[0.25])}
    records = [
        made_up(setting, rule, seed, 1, 1, {1: value})
        for setting, rules in values.items()
        for rule, found in rules.items()
        for seed, value in enumerate(found)
    ]
    plot_runs(Results("accuracy", records), tmp_path / "a.png")
    axes = {panel.get_title(): panel for panel in figures["a.png"].axes}
    assert list(axes) == list(values) and axes[""].get_ylabel() == "accuracy"
    for setting, panel in axes.items():
        assert [label.get_text() for label in panel.get_xticklabels()] == ["sgd", "sam"]
        dots = [line.get_xydata().tolist() for line in panel.lines]
        means = [mean.get_segments()[0][:, 1].tolist() for mean in panel.collections]
        found = list(values[setting].values())
        assert dots == [[[place, v] for v in rule] for place, rule in enumerate(found)]
        assert means == [[sum(rule) / len(rule)] * 2 for rule in found]
