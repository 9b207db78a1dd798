"""A comparison as an HTML page: its plots, its tables, and what the numbers mean."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from html import escape

from bsam_suite.colours import COLOURS
from bsam_suite.compare.record import Record
from bsam_suite.compare.results import Results, Summary
from bsam_suite.compare.study import Study
from bsam_suite.compare.tables import Table
from bsam_suite.html_report import HtmlReport


def page(
    study: Study,
    results: Results,
    summaries: Sequence[Summary],
    tables: Sequence[Table],
    command: str,
) -> HtmlReport:
    """The page of a comparison; its plots hold the numbers of the records, unrounded."""
    methods = dict.fromkeys(summary.method for summary in summaries)
    made = HtmlReport(f"Comparison of {', '.join(methods) or 'methods'}")
    metric, better = results.metric, "more" if study.higher else "less"
    made.text(
        f"Each row is a method, trained with {_seeds(results.records)}. {metric} is measured on "
        f"the test data after the last epoch: {better} is better. Values are means over the seeds "
        "± their sample standard deviation."
    )
    made.table(tables[0].header, tables[0].rows)
    made.text(
        "Differences are paired by seed; in brackets is the 95% confidence interval of their mean "
        "by Student's t. Where it holds 0, these runs do not tell the two apart. Passes are "
        "forward and backward passes over the training data: what a method costs.",
        *tables[0].notes,
    )
    good = [r for r in results.records if not r.failed]
    for cell in dict.fromkeys(r.cell for r in good):
        of_cell = [r for r in good if r.cell == cell]
        made.heading(f"Runs {f'with {cell}' if cell else ''}".strip())
        made.text("A dot is a run, a line the mean of a method.")
        made.figure(*_runs(of_cell, metric))
        if max(len(r.metrics[metric]) for r in of_cell) > 1:
            made.text("In the course of training: the mean of the runs, and each of them.")
            made.figure(*_curves(of_cell, metric))
    for table in tables[1:]:
        made.heading(table.title)
        made.table(table.header, table.rows)
        made.text(*table.notes)
    made.made_by(
        command,
        configs=", ".join(dict.fromkeys(cell.config for cell in study.cells)),
        seeds=", ".join(map(str, sorted({r.seed for r in results.records}))),
        runs_trained_on="; ".join(sorted({r.machine for r in results.records})),
    )
    made.files(
        {
            "results.json": "all numbers",
            "results.csv": "a row for each run",
            "results.md": "the tables",
            "results.png": "a picture",
        }
    )
    return made


def _seeds(records: Sequence[Record]) -> str:
    count = len({record.seed for record in records})
    return f"{count} seed{'s' * (count != 1)}"


def _by_method(records: Sequence[Record]) -> list[tuple[str, str, list[Record]]]:
    """Each method's label, colour and records."""
    names = list(dict.fromkeys(r.method for r in records))
    return [
        (escape(name), COLOURS[place % len(COLOURS)], [r for r in records if r.method == name])
        for place, name in enumerate(names)
    ]


def _runs(records: Sequence[Record], metric: str) -> tuple[list[dict], dict]:
    traces: list[dict] = []
    for name, colour, found in _by_method(records):
        values = [r.last(metric) for r in found]
        traces.append(
            dict(
                type="box",
                name=name,
                y=values,
                text=[f"seed {r.seed}" for r in found],
                boxpoints="all",
                jitter=0.4,
                pointpos=0,
                # The dots alone: of a few runs, quartiles say nothing.
                fillcolor="rgba(0,0,0,0)",
                line=dict(color="rgba(0,0,0,0)"),
                marker=dict(color=colour, size=9, opacity=0.7),
                hoveron="points",
                hovertemplate="%{text}: %{y:.6g}",
            )
        )
        mean = statistics.fmean(values)
        traces.append(
            dict(
                # A bar of no height is a line as wide as there is room, however many methods.
                type="bar",
                name=name,
                x=[name],
                base=[mean],
                y=[0],
                width=[0.7],
                marker=dict(line=dict(color=colour, width=3)),
                hovertemplate="mean: %{base:.6g}",
            )
        )
    return traces, dict(showlegend=False, yaxis=dict(title=dict(text=escape(metric))))


def _curves(records: Sequence[Record], metric: str) -> tuple[list[dict], dict]:
    traces: list[dict] = []
    for name, colour, found in _by_method(records):
        look: dict = dict(type="scatter", name=name, legendgroup=name)
        for record in found:
            x, y = list(record.metrics[metric]), list(record.metrics[metric].values())
            line = dict(color=colour, width=1)
            label = f"seed {record.seed}: %{{y:.6g}}"
            traces.append(
                dict(look, x=x, y=y, line=line, opacity=0.35, mode="lines", showlegend=False)
                | dict(hovertemplate=label)
            )
        epochs = [e for e in found[0].metrics[metric] if all(e in r.metrics[metric] for r in found)]
        means = [statistics.fmean(r.metrics[metric][e] for r in found) for e in epochs]
        line = dict(color=colour, width=3)
        traces.append(dict(look, x=epochs, y=means, line=line, mode="lines+markers"))
    axes = dict(xaxis=dict(title=dict(text="epoch")), yaxis=dict(title=dict(text=escape(metric))))
    return traces, axes
