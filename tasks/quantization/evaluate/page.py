"""An evaluation at several widths as an HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from bsam_suite.colours import COLOURS
from bsam_suite.html_report import HtmlReport
from tasks.quantization.evaluate.report import Row, main_metric

METHODS = {
    "PTQ": "after training (PTQ)",
    "QAT": "trained quantized (QAT)",
    "float": "float",
}


def page(rows: Sequence[Row], about: Mapping) -> HtmlReport:
    """The page of the models in ``rows``.

    Args:
        about: what the json tells beside the rows.
    """
    made = HtmlReport(f"{Path(about['checkpoint']).name} at few bits")
    ends = about["conversion"]["first_last_bit_width"]
    made.text(
        "Each row is one network at the bits of its weights and of its layers' inputs (W/A)"
        f"{f'; those of first and last layers have {ends}' if ends else ''}. PTQ is quantized "
        "after training, QAT was trained quantized. Metrics are those of the config's test data.",
        "The size is that of all that a file has to hold. Bit operations are the products for one "
        "image, each times the bits of both of its factors.",
        *(f"{note[0].upper()}{note[1:]}." for note in about["notes"]),
    )
    metrics = list(rows[0].metrics)
    made.table(
        ["", "bits W/A", *metrics, "size, bytes", "bit operations"],
        [
            [row.method, _bits(row), *(f"{row.metrics[name]:.4f}" for name in metrics)]
            + [f"{row.size_bytes:,}", f"{row.bit_operations:.3g}"]
            for row in rows
        ],
    )
    for what, label in (("size_bytes", "size, bytes"), ("bit_operations", "bit operations")):
        made.heading(f"{main_metric(rows)} and {label}")
        made.figure(*_against(rows, what, label))
    told = ("config", "checkpoint", "weight_type", "activation_type", "calibration_batches")
    made.made_by(
        about["command"],
        **{name: about[name] for name in (*told, "rounding", "seed")},
    )
    made.files({"quantized.json": "all numbers", "quantized.png": "a picture"})
    return made


def _bits(row: Row) -> str:
    return f"{row.weight_bits}/{row.activation_bits}"


def _against(rows: Sequence[Row], what: str, label: str) -> tuple[list[dict], dict]:
    metric, traces = main_metric(rows), []
    for (method, name), colour in zip(METHODS.items(), COLOURS):
        found = [row for row in rows if row.method == method]
        if found:
            points = dict(
                x=[getattr(row, what) for row in found],
                y=[row.metrics[metric] for row in found],
                text=[_bits(row) for row in found],
            )
            look = dict(mode="lines+markers+text", textposition="bottom right", cliponaxis=False)
            hover = dict(hovertemplate="%{text}: %{y:.6g}, %{x:,}")
            marker = dict(color=colour, size=10)
            traces.append(dict(type="scatter", name=name, marker=marker, **points, **look, **hover))
    x = dict(title=dict(text=f"{label} (logarithmic)"), type="log")
    return traces, dict(xaxis=x, yaxis=dict(title=dict(text=escape(metric))))
