"""The results of a study as Markdown, CSV, JSON, a plot and a page."""

from __future__ import annotations

import csv
from dataclasses import asdict, fields
from pathlib import Path

from bsam_suite.atomic_write import atomic_path, write_text
from bsam_suite.compare.page import page
from bsam_suite.compare.plot import plot_runs
from bsam_suite.compare.record import Record
from bsam_suite.compare.results import Results, Summary, summarize
from bsam_suite.compare.stages import Choices, chosen_for
from bsam_suite.compare.study import Study
from bsam_suite.compare.tables import all_tables, edges, markdown
from bsam_suite.html_report import write_report
from bsam_suite.json_file import write_json
from bsam_suite.quiet import tell


def report(study: Study, choices: Choices, results: Results, command: str, out: Path) -> str:
    """Print the table and write ``results.json``, ``.csv``, ``.md``, ``.png`` and ``.html``.

    Returns:
        The line that tells where the last one is.
    """
    stops = {}
    for cell, method in ((c, m) for c in study.cells for m in c.methods):
        key = chosen_for(cell, method)
        choice = choices.get(key) if key else None
        if choice:
            stops[cell.name, method.name] = choice.epoch
    summaries = summarize(results, study.higher, stops)
    tables = all_tables(study, choices, results, summaries)
    tell(markdown(tables[0].header, tables[0].rows), *tables[0].notes, *edges(choices))
    parts = [f"```bash\n{command}\n```", *(table.markdown() for table in tables)]
    write_text(out / "results.md", "\n\n".join(parts) + "\n")
    _write_csv(results, out / "results.csv")
    content = dict(
        command=command,
        metric=results.metric,
        summaries=[_named(summary) for summary in summaries],
        choices=[asdict(choice) for choice in choices.values() if choice],
        runs=[asdict(record) for record in results.records],
    )
    write_json(out / "results.json", content)
    plot_runs(results, out / "results.png")
    return write_report(page(study, results, summaries, tables, command), out / "results.html")


def _write_csv(results: Results, file: Path) -> None:
    known = [f.name for f in fields(Record) if f.name not in ("chosen", "metrics", "measures")]
    measures = list(dict.fromkeys(name for r in results.records for name in r.measures))
    with atomic_path(file) as part, part.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow([*known, "chosen", results.metric, *measures])
        for r in results.records:
            value = "" if r.failed else r.last(results.metric)
            numbers = [r.measures.get(name, "") for name in measures]
            writer.writerow([*(getattr(r, n) for n in known), r.settings, value, *numbers])


def _named(summary: Summary) -> dict:
    """``summary`` as dicts, because JSON would turn named tuples into lists."""
    values = {field.name: getattr(summary, field.name) for field in fields(summary)}
    values["measures"] = {name: value._asdict() for name, value in summary.measures.items()}
    return {k: v._asdict() if hasattr(v, "_asdict") else v for k, v in values.items()}
