"""The tables of a study and what is to be known of them, as Markdown and as rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bsam_suite.compare.record import Record, code_hash
from bsam_suite.compare.results import Results, Summary
from bsam_suite.compare.stages import Choices
from bsam_suite.compare.statistics import Difference, MeanStd
from bsam_suite.compare.study import Study, label
from bsam_suite.compare.tuning import Choice

PRECISION = 4

Column = tuple[str, Callable[[Summary], str]]


class Table(NamedTuple):
    """What stands above, the columns' names, the rows, and sentences that stand below."""

    title: str
    header: list[str]
    rows: list[list[str]]
    notes: list[str]

    def markdown(self) -> str:
        """Paragraphs of Markdown."""
        title = [f"{self.title}:"] if self.title else []
        return "\n\n".join([*title, markdown(self.header, self.rows), *self.notes])


def all_tables(
    study: Study, choices: Choices, results: Results, summaries: Sequence[Summary]
) -> list[Table]:
    """The main table, one of each kind of measures, and what was tried for each method."""
    measures = list(dict.fromkeys(name for s in summaries for name in s.measures))
    notes = _notes(summaries, results.records)
    found = [_table("", _columns(summaries, results.metric, bool(study.trials)), summaries, notes)]
    for kind in dict.fromkeys(name.partition("/")[0] for name in measures):
        names = [name for name in measures if name.partition("/")[0] == kind]
        if kind != "fit":
            found.append(_table(f"Of the final networks, {kind}", _of_measures(names), summaries))
    return found + [_tried(choice, results.metric) for choice in choices.values() if choice]


def _table(
    title: str, columns: Sequence[Column], summaries: Sequence[Summary], notes: Sequence[str] = ()
) -> Table:
    rows = [[cell(summary) for _, cell in columns] for summary in summaries]
    return Table(title, [name for name, _ in columns], rows, list(notes))


def _columns(summaries: Sequence[Summary], metric: str, tuned: bool) -> list[Column]:
    first = summaries[0].method if summaries else ""
    fit = f"fit/{metric}"
    shown: list[tuple[bool, str, Callable[[Summary], str]]] = [
        (any(s.cell for s in summaries), "setting", lambda s: s.cell),
        (True, "rule", lambda s: s.method),
        (True, "seeds", lambda s: str(s.last.n)),
        (any(s.diverged for s in summaries), "diverged", lambda s: str(s.diverged)),
        (True, f"{metric}, mean ± std", lambda s: mean_and_std(s.last)),
        (any(s.stopped for s in summaries), "stopped early", lambda s: mean_and_std(s.stopped)),
        (any(s.best != s.last for s in summaries), "best epoch", lambda s: mean_and_std(s.best)),
        (bool(first), f"less {first} [95%]", lambda s: interval(s.difference)),
        (
            any(s.at_equal_compute for s in summaries),
            "less equal compute [95%]",
            lambda s: interval(s.at_equal_compute),
        ),
        (
            any(fit in s.measures for s in summaries),
            "on the training data",
            lambda s: mean_and_std(s.measures.get(fit)),
        ),
        (True, "epochs", lambda s: str(s.epochs)),
        (True, "passes", lambda s: f"{s.passes:.4g}"),
        # Those of a study run beside other work.
        (not tuned, "seconds", lambda s: f"{s.seconds.mean:.0f}"),
    ]
    return [(title, cell) for wanted, title, cell in shown if wanted]


def _of_measures(names: Sequence[str]) -> list[Column]:
    columns: list[Column] = [("setting", lambda s: s.cell), ("rule", lambda s: s.method)]
    return columns + [
        (name.partition("/")[2], lambda s, name=name: mean_and_std(s.measures.get(name)))
        for name in names
    ]


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose columns are padded."""
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths))} |"
        for line in lines
    )


def mean_and_std(value: MeanStd | None) -> str:
    """``0.5000 ± 0.0100``; empty where there is no value."""
    if value is None or value.n == 0:
        return ""
    shown = f"{value.mean:.{PRECISION}f}" if abs(value.mean) < 1000 else f"{value.mean:.4g}"
    return shown + ("" if math.isnan(value.std) else f" ± {value.std:.{PRECISION}f}")


def interval(value: Difference | None) -> str:
    """``+0.0400 [+0.0300, +0.0500]``; empty where there is no difference."""
    if value is None or value.n == 0:
        return ""
    bounds = "" if math.isnan(value.low) else f" [{value.low:+.4f}, {value.high:+.4f}]"
    return f"{value.mean:+.4f}{bounds}"


def _notes(summaries: Sequence[Summary], records: Sequence[Record]) -> list[str]:
    """What a reader has to know of the table."""
    notes = []
    looked_at = sum(
        d is not None and d.n > 1 for s in summaries for d in (s.difference, s.at_equal_compute)
    )
    if looked_at > 1:
        notes.append(
            f"{looked_at} differences were looked at: where nothing differs, an interval of 95% "
            f"leaves out 0 once in 20, here {looked_at / 20:.1g} times."
        )
    old = [record for record in records if record.code != code_hash()]
    if old:
        codes = ", ".join(sorted({record.code for record in old}))
        notes.append(f"{len(old)} of {len(records)} records were made by other code ({codes}).")
    return notes


def edges(choices: Choices) -> list[str]:
    """What to do about chosen values at the edge of those tried."""
    return [
        f"Widen what is tried: of {name}, chosen for {_row(choice)} with {label(choice.settings)}, "
        "the value is at the edge."
        for choice in choices.values()
        if choice
        for name in choice.edges
    ]


def _row(choice: Choice) -> str:
    return " in ".join(filter(None, [choice.method, choice.cell]))


def _tried(choice: Choice, metric: str) -> Table:
    rows = [
        [
            label(trial.settings),
            "diverged" if math.isnan(trial.score) else f"{trial.score:.{PRECISION}f}",
            "chosen" if trial.settings == choice.settings else "",
        ]
        for trial in choice.trials
    ]
    header = ["tried", f"{metric}, held-out part", ""]
    return Table(f"What was tried for {_row(choice)}", header, rows, edges({("", ""): choice}))
