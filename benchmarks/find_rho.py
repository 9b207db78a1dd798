"""The radius that find_rho gives, against the accuracy by radius, where 40% of labels are wrong.

    python benchmarks/find_rho.py --seeds 2

For each regime, base optimizer and rule: what find_rho gives for each seed, and the accuracy on
unseen images after a whole training with it and with the radii of a grid. No warm-up of the radius.
Results are kept in ``--out``; the same command goes on where it was stopped.
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

WIDE = {"SAM": (0.05, 0.1, 0.2, 0.4, 0.8), "BSAM": (0.05, 0.1, 0.2, 0.4)}
NARROW = dict.fromkeys(("SAM", "BSAM"), (0.0125, 0.025, 0.05, 0.1))
GRIDS = {"digits": WIDE, "digits_bn": WIDE, "digits_w2a2": NARROW}
WRONG = 0.4


class Epochs:
    """The batches of an epoch, as often as they are asked for."""

    def __init__(self, regime: Regime) -> None:
        self.regime = regime

    def __iter__(self) -> Iterator:
        return self.regime.batches()


def find(name: str, base: str, rule: str, seed: int) -> dict:
    """What find_rho gives, with runs of a fifth of the training."""
    torch.set_num_threads(1)
    regime = regime_of(name, WRONG)
    torch.manual_seed(seed)
    model = regime.network()
    kind, kwargs = BASES[base]
    steps = regime.epochs * regime.steps // 5
    made = build_rule(dict(type=rule))
    found = find_rho(model, kind, made, regime.loss, Epochs(regime), steps, **kwargs)
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
            kept[one] = find(*one)
            with file.open("a") as end:
                print(json.dumps(kept[one]), file=end)
    return [kept[one] for one in wanted]


def cell(args: argparse.Namespace, rows: list[dict]) -> str:
    """A line of the table: one regime, base and rule."""
    first = rows[0]
    regime, base, rule = first["regime"], first["base"], first["rule"]
    given = sorted({row["rho"] for row in rows if row["rho"]})
    radii = sorted({*GRIDS[regime][rule], *given})
    setting = argparse.Namespace(
        regime=regime,
        base=base,
        wrong=WRONG,
        data_root=None,
        rules=["none", *(f"{rule},rho={rho:g}" for rho in radii)],
        seeds=args.seeds,
        jobs=1,
        out=args.out / "accuracy.jsonl",
    )
    found = results(setting)
    means = {
        name: fmean(row["accuracy"] for row in by_seed.values()) for name, by_seed in found.items()
    }
    accuracy = {rho: means[f"{rule},rho={rho:g}"] for rho in radii}
    mine = [found[f"{rule},rho={r['rho']:g}"][r["seed"]]["accuracy"] for r in rows if r["rho"]]
    best = max(accuracy, key=lambda rho: accuracy[rho])
    turns = [row["looks"][-1]["turn"] for row in rows]
    cells = [
        f"{regime}, {base}",
        rule,
        ", ".join(f"{row['rho'] or 0:g}" for row in rows),
        ", ".join(f"{row['stuck']:g}" if row["stuck"] else "" for row in rows),
        ", ".join(f"{turn:.2g}" if turn else "none" for turn in turns),
        f"{fmean(mine):.3f}" if mine else "",
        f"{accuracy[best]:.3f} at {best:g}",
        f"{means['none']:.3f}",
        ", ".join(f"{rho:g}: {value:.3f}" for rho, value in accuracy.items()),
    ]
    return f"| {' | '.join(cells)} |"


HEADER = (
    "| regime, base | rule | found | stuck from | turn | accuracy | best | none | by radius |\n"
    "| --- | --- | --- | --- | --- | ---: | --- | ---: | --- |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--regimes", nargs="+", choices=GRIDS, default=list(GRIDS))
    parser.add_argument("--bases", nargs="+", choices=("sgd", "adamw"), default=["sgd", "adamw"])
    parser.add_argument("--rules", nargs="+", choices=WIDE, default=list(WIDE))
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
