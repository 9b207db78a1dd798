"""The tables of docs/results.md, from the records of the studies.

    python benchmarks/results.py            # all studies; or name some: wrong_labels few_digits

For each study: its middle cell with what was chosen, the result, how flat the network is and what
it stands; the cells around it; and how much of the tuned rule's gain the radius of find_rho gives.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bsam_suite.compare.results import Summary, collect, summarize
from bsam_suite.compare.stages import Choices, Stages, chosen_for
from bsam_suite.compare.study import Cell, Study, label, read_study
from bsam_suite.compare.tables import interval, markdown, mean_and_std
from bsam_suite.compat import patch_mmengine

FOLDER, RECORDS = Path("benchmarks/studies"), Path("benchmarks/records")
FLATNESS = {
    "loss": "flatness/loss",
    "top eigenvalue": "flatness/eigenvalue_1",
    "trace": "flatness/trace",
    "rise at 0.05": "flatness/max_sharpness",
}
STANDS = {
    "weights + 20% noise": "robustness/weights 0.2",
    "pictures + noise": "robustness/noise 0.1",
    "blurred": "robustness/blur 0.06",
    "half hidden": "robustness/occlusion 0.5",
    "calibration error": "robustness/ece",
    "W4": "rounding/w4 nearest",
    "W3": "rounding/w3 nearest",
    "W2": "rounding/w2 nearest",
    "W2, learned rounding": "rounding/w2 learned",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="studies; all if left out")
    patch_mmengine()
    names = parser.parse_args().names or sorted(folder.name for folder in RECORDS.iterdir())
    for name in names:
        print(f"## {name}\n")
        print("\n\n".join(tables(read_study(str(FOLDER / f"{name}.py")), RECORDS / name)), "\n")


def tables(study: Study, records: Path) -> list[str]:
    """Markdown tables of one study."""
    with tempfile.TemporaryDirectory() as out:
        stages = Stages(study, Path(out), records, None)
        choices = stages.tune()
        stages.test(choices)
        found = collect(stages.runs, study.metric)
    summaries = summarize(found, study.higher)
    if not summaries:
        return ["No run has been tested yet."]
    middle, *around = study.cells
    mine = [s for s in summaries if s.cell == middle.name]
    parts = [results(middle, mine, choices), measures(mine, FLATNESS), measures(mine, STANDS)]
    if around:
        parts.append(beside(study, summaries))
    return [part for part in [*parts, share(mine)] if part]


def results(cell: Cell, summaries: Sequence[Summary], choices: Choices) -> str:
    """What was chosen for each method, and what it gave."""
    methods = {method.name: method for method in cell.methods}
    rows = []
    for s in summaries:
        key = chosen_for(cell, methods[s.method])
        choice = choices.get(key) if key else None
        fixed = methods[s.method].settings
        taken = {**(choice.settings if choice else {}), **fixed}
        taken = {name: value for name, value in taken.items() if not name.endswith("warmup")}
        edges = " (edge)" if choice and choice.edges else ""
        fit = next((v for name, v in s.measures.items() if name.startswith("fit/")), None)
        rows.append(
            [
                s.method,
                label(taken) + edges,
                f"{s.passes / s.epochs:.3g} x {s.epochs}",
                mean_and_std(s.last),
                interval(s.difference),
                mean_and_std(fit),
            ]
        )
    header = ["", "settings", "passes x epochs", f"{summaries[0].last.n} seeds", "less the first"]
    return markdown([*header, "on the training data"], rows)


def measures(summaries: Sequence[Summary], names: dict[str, str]) -> str:
    """Means of what was measured of the final networks."""
    known = {title: n for title, n in names.items() if any(n in s.measures for s in summaries)}
    rows = [
        [s.method, *(mean_and_std(s.measures.get(n)) for n in known.values())] for s in summaries
    ]
    return markdown(["", *known], rows) if known else ""


def beside(study: Study, summaries: Sequence[Summary]) -> str:
    """The cells around the middle one, a column each: the result, and what is less the first's."""
    cells = [cell for cell in study.cells if cell.choices_of]
    known = {(s.cell, s.method): s for s in summaries}
    methods = list(dict.fromkeys(s.method for s in summaries if s.cell in {c.name for c in cells}))
    rows = []
    for method in methods:
        row = [method]
        for cell in cells:
            s = known.get((cell.name, method))
            row.append(f"{mean_and_std(s.last)} {interval(s.difference)}".strip() if s else "")
        rows.append(row)
    return markdown(["", *(f"{cell.name}, {cell.seeds} seeds" for cell in cells)], rows)


def share(summaries: Sequence[Summary]) -> str:
    """How much of the tuned BSAM's gain over the config the untuned one with find_rho's has."""
    last = {s.method: s.last.mean for s in summaries}
    if not {"found", "BSAM", "config"} <= last.keys():
        return ""
    gain, given = last["BSAM"] - last["config"], last["found"] - last["config"]
    return (
        f"Over the config as it is, BSAM tuned gains {gain:+.4f}, with the radius of find_rho and "
        f"nothing tuned {given:+.4f}."
    )


if __name__ == "__main__":
    main()
