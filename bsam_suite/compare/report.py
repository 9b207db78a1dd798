"""The results of a comparison as Markdown, CSV, JSON and a plot."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import asdict, astuple, fields
from pathlib import Path

from bsam_suite.atomic_write import atomic_path, write_text
from bsam_suite.compare.plot import plot_runs
from bsam_suite.compare.results import Record, Summary, summarize
from bsam_suite.compare.statistics import Difference, MeanStd
from bsam_suite.json_file import write_json


def report(records: Sequence[Record], metric: str, command: str, out: Path) -> None:
    """Print the table and write ``results.json``, ``.csv``, ``.md`` and ``.png`` to ``out``."""
    summaries = summarize(records)
    header, rows = _cells(summaries, metric)
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    lines = [header, ["-" * width for width in widths], *rows]
    text = "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths))} |"
        for line in lines
    )
    print(text)
    write_text(out / "results.md", f"```bash\n{command}\n```\n\n{text}\n")
    with atomic_path(out / "results.csv") as part, part.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Record)])
        writer.writerows(map(astuple, records))
    content = dict(
        command=command,
        metric=metric,
        summaries=[_named(summary) for summary in summaries],
        runs=[asdict(record) for record in records],
    )
    write_json(out / "results.json", content)
    plot_runs(records, metric, out / "results.png")


def _named(summary: Summary) -> dict:
    """``summary`` as dicts, because JSON would turn named tuples into lists."""
    values = {field.name: getattr(summary, field.name) for field in fields(summary)}
    return {k: v._asdict() if hasattr(v, "_asdict") else v for k, v in values.items()}


def _cells(summaries: Sequence[Summary], metric: str) -> tuple[list[str], list[list[str]]]:
    settings = any(s.setting for s in summaries)
    equal = any(s.at_equal_compute for s in summaries)
    header = ["setting"] * settings + ["rule", "seeds", f"{metric}, mean ± std"]
    header += [f"less {summaries[0].rule} [95%]"] if summaries else []
    header += ["less equal compute [95%]"] * equal + ["epochs", "passes", "seconds"]
    rows = []
    for s in summaries:
        row = [s.setting] * settings + [s.rule, str(s.metric.n), _mean_std(s.metric)]
        row += [_difference(s.difference)] + [_difference(s.at_equal_compute)] * equal
        rows.append([*row, str(s.epochs), f"{s.passes:.4g}", f"{s.seconds.mean:.0f}"])
    return header, rows


def _mean_std(value: MeanStd) -> str:
    return f"{value.mean:.4f}" + ("" if math.isnan(value.std) else f" ± {value.std:.4f}")


def _difference(value: Difference | None) -> str:
    if value is None or value.n == 0:
        return ""
    interval = "" if math.isnan(value.low) else f" [{value.low:+.4f}, {value.high:+.4f}]"
    return f"{value.mean:+.4f}{interval}"
