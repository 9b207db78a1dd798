"""Results as one HTML file to look at, to send and to keep: it opens without a network."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bsam_suite import __version__
from bsam_suite.atomic_write import write_text
from bsam_suite.colours import COLOURS
from bsam_suite.errors import InputError
from bsam_suite.optional import need

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 70rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }}
h1 {{ font-size: 1.5rem; line-height: 1.25; }}
h2 {{ font-size: 1.15rem; margin: 2rem 0 .5rem; }}
p {{ max-width: 46rem; margin: .5rem 0; }}
.wide {{ overflow-x: auto; margin: .75rem 0; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .7rem; border-bottom: 1px solid #ddd; white-space: nowrap; }}
th:not(:first-child), td:not(:first-child) {{ text-align: right; }}
th {{ border-bottom: 2px solid #666; text-align: left; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }}
dd {{ margin: 0; }}
@media (max-width: 40rem) {{ table {{ font-size: .8rem; }} th, td {{ padding: .25rem .4rem; }} }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""

PACKAGES = {"PyTorch": "torch", "MMEngine": "mmengine"}

LAYOUT = dict(
    height=420,
    font=dict(color="#1a1a1a", size=13),
    colorway=COLOURS,
    margin=dict(t=40, l=60, r=20, b=60),
    legend=dict(orientation="h", yanchor="top", y=-0.2, x=0),
)


class HtmlReport:
    """A page of text, tables and plots that answer to the mouse, from top to bottom.

    Args:
        title: also of the browser's tab.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._parts: list[str | dict] = []

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def text(self, *sentences: str) -> None:
        """A paragraph for each."""
        self._parts += [f"<p>{escape(text)}</p>" for text in sentences]

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table that scrolls where it is wider than the screen."""
        lines = [_line("th", header), *(_line("td", row) for row in rows)]
        self._parts.append(f'<div class="wide"><table>{"".join(lines)}</table></div>')

    def figure(self, data: Sequence[Mapping], layout: Mapping | None = None) -> None:
        """A plot as wide as the page, in plotly's words: https://plotly.com/javascript/reference.

        Args:
            data: traces, each with its ``type``.
            layout: axes and the like; with a ``width`` the plot scrolls on narrower screens.
        """
        self._parts.append(dict(data=list(data), layout=dict(layout or {})))

    def made_by(self, command: str, **facts: object) -> None:
        """How the results came about, in the shell's words, with the versions of what made them.

        Args:
            facts: others to be told, such as seeds.
        """
        told = {name.replace("_", " "): escape(str(fact)) for name, fact in facts.items()}
        versions = {"bsam-suite": __version__, "Python": platform.python_version()}
        versions |= {name: version(package) for name, package in PACKAGES.items()}
        told["versions"] = ", ".join(f"{name} {number}" for name, number in versions.items())
        self.heading("How this was made")
        self._list({"command": f"<code>{escape(command)}</code>", **told})

    def files(self, held: Mapping[str, str]) -> None:
        """The other files of the results, in the same folder, and what each holds."""
        links = {f'<a href="{escape(name)}">{escape(name)}</a>': held[name] for name in held}
        self.heading("Files")
        self._list(links)

    def _list(self, entries: Mapping[str, str]) -> None:
        lines = [f"<dt>{name}</dt><dd>{text}</dd>" for name, text in entries.items()]
        self._parts.append(f"<dl>{''.join(lines)}</dl>")

    def write(self, file: Path) -> None:
        """Write the page; it holds plotly's library (5 MB), and sends nothing.

        Raises:
            InputError: plotly is not installed.
        """
        go, body, library = need("plotly.graph_objects", "report"), [], True
        for part in self._parts:
            if isinstance(part, dict):
                part, library = _drawn(go, part, library), False
            body.append(part)
        write_text(file, PAGE.format(title=escape(self.title), body="\n".join(body)))


def write_report(report: HtmlReport, file: Path) -> str:
    """Write a page that is one of several results, and return the line that tells where it is.

    Work that is done does not fail for it: where plotly is missing, the line says so.
    """
    try:
        report.write(file)
    except InputError as error:
        return f"Report: left out, because {error}"
    return f"Report: {file} (opens in any browser)"


def _line(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _drawn(go: Any, part: dict, library: bool) -> str:
    layout = {**LAYOUT, **part["layout"], "template": "plotly_white"}
    figure = go.Figure(data=part["data"], layout=layout)
    config = dict(responsive=True, displaylogo=False, showSendToCloud=False)
    shown = figure.to_html(full_html=False, include_plotlyjs=library, config=config)
    return f'<div class="wide">{shown}</div>'
