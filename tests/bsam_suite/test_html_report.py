"""Pages of results: what they hold, as a browser reads it."""

import json
import re
import sys
from html.parser import HTMLParser

import pytest

import bsam_suite
from bsam_suite.html_report import HtmlReport, write_report


class Page(HTMLParser):
    """Tags with their attributes, texts, and the cells of the tables."""

    def __init__(self, file):
        super().__init__()
        self.tags, self.texts, self.tables = [("", {})], [], []
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_data(self, data):
        tag, data = self.tags[-1][0], data.rstrip("\n")
        if tag in ("td", "th"):
            self.tables[-1][-1][-1] += data
        elif tag != "script":
            self.texts.append(data.strip())


ODD = "</script><b>a & \"b\" 'c'"


@pytest.fixture
def file(tmp_path):
    report = HtmlReport(ODD)
    report.text(ODD)
    report.table(["rule", ODD], [[ODD, "1.5"]])
    for name in ("first", "second"):
        report.figure(
            [dict(type="scatter", x=[1, 2], y=[0.1 + 0.2, float("nan")], name=f"{name} {ODD}")],
            dict(yaxis=dict(title=dict(text="loss"))),
        )
    report.made_by(f"bsam compare '{ODD}'", seeds="0, 1")
    report.files({"results.json": "all numbers"})
    report.write(tmp_path / "page.html")
    return tmp_path / "page.html"


def test_names_are_shown_as_they_are(file):
    page = Page(file)
    assert page.texts.count(ODD) == 3  # title, heading and paragraph
    assert page.tables == [[["rule", ODD], [ODD, "1.5"]]]
    assert not [tag for tag, _ in page.tags if tag == "b"]
    assert f"bsam compare '{ODD}'" in page.texts and "0, 1" in page.texts
    assert f"bsam-suite {bsam_suite.__version__}" in " ".join(page.texts)


def test_the_page_opens_without_a_network_and_on_a_phone(file):
    page = Page(file)
    loaded = [a.get("src") or a.get("href") for _, a in page.tags if "src" in a or "href" in a]
    assert loaded == ["results.json"]
    (viewport,) = [a["content"] for _, a in page.tags if a.get("name") == "viewport"]
    assert viewport == "width=device-width, initial-scale=1"
    assert 4e6 < file.stat().st_size < 8e6  # plotly's library is there, once


def test_plots_hold_exact_numbers(file):
    drawn = re.findall(r"Plotly\.newPlot\(\s*\"[^\"]+\",\s*(\[.*?\]),\s*\{", file.read_text())
    traces = [json.loads(data)[0] for data in drawn]
    assert [trace["y"] for trace in traces] == [[0.1 + 0.2, None]] * 2
    assert [trace["name"] for trace in traces] == [f"first {ODD}", f"second {ODD}"]


def test_finished_work_does_not_fail_without_plotly(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    said = write_report(HtmlReport("a"), tmp_path / "a.html")
    assert said.startswith("Report: left out, because plotly cannot be imported")
    assert "the extra report" in said and "\n" not in said
    assert not (tmp_path / "a.html").exists()
