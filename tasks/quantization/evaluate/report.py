"""Results as a table, as json and as a picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bsam_suite.json_file import write_json
from bsam_suite.quiet import screen


@dataclass
class Row:
    """One model.

    Attributes:
        method: ``"float"``, ``"PTQ"`` (quantized after training) or ``"QAT"`` (trained quantized).
        weight_bits, activation_bits: of all layers but the first and the last; 32 for float.
        metrics: all that the evaluator says, the main one first.
        size_bytes: see :func:`tasks.quantization.evaluate.cost.size_bytes`.
        bit_operations: for one image, see :func:`tasks.quantization.evaluate.cost.bit_operations`.
    """

    method: str
    weight_bits: int
    activation_bits: int
    metrics: dict[str, float]
    size_bytes: int
    bit_operations: int


def main_metric(rows: list[Row]) -> str:
    """The evaluator's first metric."""
    return next(iter(rows[0].metrics))


def print_table(rows: list[Row]) -> None:
    """Print a line for each row."""
    table = Table()
    for name in ("", "bits W/A", main_metric(rows), "size, bytes", "bit operations"):
        table.add_column(name, justify="left" if not name else "right")
    for row in rows:
        table.add_row(
            row.method,
            f"{row.weight_bits}/{row.activation_bits}",
            f"{row.metrics[main_metric(rows)]:.4f}",
            f"{row.size_bytes:,}",
            f"{row.bit_operations:.3g}",
        )
    Console(file=screen()).print(table)


def save(rows: list[Row], about: dict, folder: Path) -> Path:
    """Write ``about`` and the rows to ``quantized.json``."""
    path = folder / "quantized.json"
    rows_as_dicts = [asdict(row) for row in rows]
    write_json(path, {**about, "metric": main_metric(rows), "rows": rows_as_dicts})
    return path


def draw(rows: list[Row], folder: Path) -> Path:
    """Draw the main metric against the bits of weights to ``quantized.png``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.5), layout="constrained")
    axes, metric = figure.subplots(), main_metric(rows)
    labels = {"PTQ": "after training (PTQ)", "QAT": "trained quantized (QAT)"}
    for method, label in labels.items():
        points = sorted((r.weight_bits, r.metrics[metric]) for r in rows if r.method == method)
        if points:
            axes.plot(*zip(*points), marker="o" if method == "PTQ" else "*", label=label)
    for row in rows:
        if row.method == "float":
            axes.axhline(row.metrics[metric], color="grey", linestyle="--", label="float")
    axes.set_xticks(sorted({row.weight_bits for row in rows if row.method != "float"}))
    axes.set_xlabel("bits of weights and inputs")
    axes.set_ylabel(metric)
    axes.grid(alpha=0.3)
    axes.legend()
    path = folder / "quantized.png"
    figure.savefig(path, dpi=110)
    return path
