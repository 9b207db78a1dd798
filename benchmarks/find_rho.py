"""The radius that find_rho gives, against the accuracy by radius, where 40% of labels are wrong.

    python benchmarks/find_rho.py --seeds 2 --grid 0.025 0.05 0.1 0.2 0.4

For each regime, base optimizer and rule: what find_rho gives for each seed, and the accuracy on
unseen images after a whole training with it and with the radii of the grid. No warm-up of the
radius. Results are kept in ``--out``, the same command goes on where it was stopped, and the table
has all radii that were ever run there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import fmean

import torch
from regimes import BASES, Regime, regime_of
from wrong_labels import results

from bsam_suite.engine.registry import build_rule
from bsam_suite.rho_finder import find_rho
from bsam_suite.rho_finder.report import draw

WRONG, ACCURACY = 0.4, "accuracy.jsonl"
REGIMES, RULES = ("digits", "digits_bn", "digits_w2a2"), ("SAM", "BSAM")


class Epochs:
    """The batches of an epoch, as often as they are asked for."""

    def __init__(self, regime: Regime) -> None:
        self.regime = regime

    def __iter__(self) -> Iterator:
        return self.regime.batches()


def find(out: Path, name: str, base: str, rule: str, seed: int) -> dict:
    """What find_rho gives, with runs of a fifth of the training; its picture goes to ``out``."""
    torch.set_num_threads(1)
    regime = regime_of(name, WRONG)
    torch.manual_seed(seed)
    model = regime.network()
    kind, kwargs = BASES[base]
    steps = regime.epochs * regime.steps // 5
    made = build_rule(dict(type=rule))
    found = find_rho(model, kind, made, regime.loss, Epochs(regime), steps, **kwargs)
    draw(found, f"{name}, {base}, {rule}", out / f"{name}-{base}-{rule}-{seed}.png")
    shares = {str(rho): found.share(rho) for rho in found.losses}
    looks = [asdict(one) | dict(turn=one.turn, bottom=one.bottom) for one in found.looks]
    setting = dict(regime=name, base=base, rule=rule, seed=seed, shares=shares, looks=looks)
    return setting | dict(rho=found.rho, trains=found.trains, stuck=found.stuck)


def all_found(args: argparse.Namespace) -> list[dict]:
    """What find_rho gives for all, found where it is not in the file yet."""
    file = args.out / "found.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    kept = {(r["regime"], r["base"], r["rule"], r["seed"]): r for r in rows}
    wanted = [
        (regime, base, rule, seed)
        for seed in range(args.seeds)
        for regime in args.regimes
        for base in args.bases
        for rule in args.rules
    ]
    for one in wanted:
        if one not in kept:
            kept[one] = find(args.out, *one)
            with file.open("a") as end:
                print(json.dumps(kept[one]), file=end)
    return [kept[one] for one in wanted]


def train_all(args: argparse.Namespace, regime: str, base: str, rules: list[str]) -> None:
    """Train what is not in the file yet."""
    setting = dict(regime=regime, base=base, wrong=WRONG, data_root=None, rules=rules)
    results(argparse.Namespace(**setting, seeds=args.seeds, jobs=1, out=args.out / ACCURACY))


def accuracies(args: argparse.Namespace, regime: str, base: str, rule: str) -> dict[float, float]:
    """Mean accuracy by radius, as far as it is in the file; that without a rule is of radius 0."""
    found: dict[float, list[float]] = {}
    for line in (args.out / ACCURACY).read_text().splitlines():
        row = json.loads(line)
        name, _, rho = row["rule"].partition(",rho=")
        mine = name == rule and rho.replace(".", "").isdecimal()
        if (row["regime"], row["base"]) == (regime, base) and (mine or row["rule"] == "none"):
            found.setdefault(float(rho or 0), []).append(row["accuracy"])
    return {rho: fmean(values) for rho, values in sorted(found.items())}


def cell(args: argparse.Namespace, rows: list[dict]) -> str:
    """A line of the table: one regime, base and rule."""
    regime, base, rule = (rows[0][name] for name in ("regime", "base", "rule"))
    given = {row["rho"] for row in rows if row["rho"]}
    words = [f"{rule},rho={rho:g}" for rho in sorted({*args.grid, *given})]
    train_all(args, regime, base, ["none", *words])
    by_radius = accuracies(args, regime, base, rule)
    plain = by_radius.pop(0)
    best = max(by_radius, key=lambda rho: by_radius[rho])
    turns = [row["looks"][-1]["turn"] for row in rows]
    cells = [
        f"{regime}, {base}",
        rule,
        ", ".join(f"{row['rho'] or 0:g}" for row in rows),
        ", ".join(f"{row['stuck']:g}" if row["stuck"] else "none" for row in rows),
        ", ".join(f"{turn:.2g}" if turn else "none" for turn in turns),
        ", ".join(f"{by_radius[rho]:.3f}" for rho in sorted(given)),
        f"{by_radius[best]:.3f} at {best:g}",
        f"{plain:.3f}",
        ", ".join(f"{rho:g}: {value:.3f}" for rho, value in by_radius.items()),
    ]
    return f"| {' | '.join(cells)} |"


HEADER = (
    "| regime, base | rule | found | stuck from | turn | accuracy | best | none | by radius |\n"
    "| --- | --- | --- | --- | --- | ---: | --- | ---: | --- |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--regimes", nargs="+", choices=REGIMES, default=REGIMES)
    parser.add_argument("--bases", nargs="+", choices=("sgd", "adamw"), default=["sgd", "adamw"])
    parser.add_argument("--rules", nargs="+", choices=RULES, default=RULES)
    parser.add_argument("--grid", nargs="*", type=float, default=[], metavar="RHO")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("work_dirs/find_rho"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    cells: dict[tuple, list[dict]] = {}
    for row in all_found(args):
        cells.setdefault((row["regime"], row["base"], row["rule"]), []).append(row)
    print(HEADER)
    for rows in cells.values():
        print(cell(args, rows), flush=True)


if __name__ == "__main__":
    main()
