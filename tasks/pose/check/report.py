"""The report of the findings: printed, and written as JSON, Markdown and an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bsam_suite.json_file import write_json
from tasks.pose.check.findings import Finding
from tasks.pose.check.kinds import KINDS
from tasks.pose.check.sheet import suspects_sheet

REPORT, MARKDOWN, PICTURE = "report.json", "report.md", "suspects.png"
SHOWN = 3
"""Examples in the tables; the JSON file has more."""


@dataclass
class Report:
    """The counts and findings of a data set.

    Attributes:
        counts: of images, annotations, persons and keypoints, by split.
        findings: faults first.
    """

    root: Path
    decoded: bool
    counts: dict[str, dict[str, int]]
    findings: list[Finding]

    @property
    def faults(self) -> list[Finding]:
        """The findings that are faults, not only warnings."""
        return [finding for finding in self.findings if finding.is_fault]

    @property
    def verdict(self) -> str:
        """The result in one line."""
        faults = {finding.kind for finding in self.faults}
        warnings = {finding.kind for finding in self.findings} - faults
        verdict = f"{self.root}: kinds of faults: {len(faults)}, of warnings: {len(warnings)}"
        return verdict if self.decoded else f"{verdict}; images were not decoded (--no-images)"

    def print(self, console: Console | None = None) -> None:
        """Print the counts and the findings."""
        console = console or Console()
        for header, rows in self._tables():
            table = Table(show_lines="finding" in header, show_edge=False)
            for name in header:
                table.add_column(name, overflow="fold", justify=_justify(name))
            for row in rows:
                table.add_row(*map(Text, row))
            console.print(table, "")

    def write(self, folder: Path) -> list[Path]:
        """Write ``report.json``, ``report.md`` and, if it shows a person, ``suspects.png``."""
        folder.mkdir(parents=True, exist_ok=True)
        content = dict(root=str(self.root), images_decoded=self.decoded)
        content |= dict(splits=self.counts, findings=[_as_dict(f) for f in self.findings])
        write_json(folder / REPORT, content)
        lines = [f"# {self.root}", "", self.verdict, ""]
        for header, rows in self._tables():
            rule = ["--:" if _justify(name) == "right" else "---" for name in header]
            cells = [[c.replace("|", "\\|").replace("\n", "<br>") for c in row] for row in rows]
            lines += [f"| {' | '.join(line)} |" for line in (header, rule, *cells)] + [""]
        sheet, picture = suspects_sheet(self.root, self.findings), folder / PICTURE
        if sheet is not None:
            cv2.imwrite(str(picture), sheet)
            lines += [f"![Persons with findings]({PICTURE})", ""]
        (folder / MARKDOWN).write_text("\n".join(lines))
        return [folder / REPORT, folder / MARKDOWN] + [picture] * (sheet is not None)

    def _tables(self) -> list[tuple[list[str], list[list[str]]]]:
        """Header and rows of the counts and of the findings, where there are any."""
        names = list(next(iter(self.counts.values()), {}))
        counted = [[n, *(f"{c[n]:,}" for c in self.counts.values())] for n in names]
        levels = ["FAULT" if f.is_fault else "warning" for f in self.findings]
        found = [[v, f"{f.count:,}", _text(f)] for v, f in zip(levels, self.findings)]
        tables = (["", *self.counts], counted), (["", "count", "finding"], found)
        return [(header, rows) for header, rows in tables if rows]


def _text(finding: Finding) -> str:
    kind, shown = KINDS[finding.kind], finding.examples[:SHOWN]
    lines = [f"{finding.kind}, {finding.split}: {kind.meaning}"]
    lines += [f"- {example}" for example in shown]
    if finding.count > len(shown):
        lines.append(f"- and {finding.count - len(shown):,} more")
    return "\n".join([*lines, f"Remedy: {kind.remedy}"])


def _as_dict(finding: Finding) -> dict:
    kind = KINDS[finding.kind]
    content = dict(kind=finding.kind, fault=finding.is_fault, split=finding.split)
    content |= dict(count=finding.count, meaning=kind.meaning, remedy=kind.remedy)
    return content | dict(examples=[example.as_dict() for example in finding.examples])


def _justify(column: str) -> str:
    return "left" if column in ("", "finding") else "right"
