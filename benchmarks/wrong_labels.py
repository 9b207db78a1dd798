"""Rules where a network has the time to learn wrong labels by heart.

    python benchmarks/wrong_labels.py --rules none SAM,rho=0.1 BSAM,rho=0.1 BSAM,rho=0.1,k=5
    python benchmarks/wrong_labels.py --regime cifar --data-root CIFAR10 --wrong 0 --rules ...

Each rule trains with each seed; means and differences are paired by seed, with 95% intervals. The
last column is what is more than three quarters of the gain of the rule that ``--exact`` names.
Results are kept in ``--out``; the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import ideas  # noqa: F401  registers its rules
from regimes import BASES, NAMES, regime_of, train
from rich.progress import track

from bsam_suite.compare.statistics import Difference, mean_std, paired_difference

SETTING = ("regime", "wrong", "base")
Rows = dict[str, dict[int, dict]]
"""What came out, by rule and seed."""


def run(args: argparse.Namespace, rule: str, seed: int) -> dict:
    regime = regime_of(args.regime, args.wrong, args.data_root)
    accuracy, passes = train(regime, rule, seed, BASES[args.base])
    setting = {name: getattr(args, name) for name in SETTING}
    return dict(setting, rule=rule, seed=seed, accuracy=accuracy, passes=passes)


def kept(args: argparse.Namespace) -> Rows:
    """The rows of this setting in the file."""
    found: Rows = {rule: {} for rule in args.rules}
    for line in args.out.read_text().splitlines() if args.out.exists() else []:
        row = json.loads(line)
        asked = row["rule"] in found and row["seed"] < args.seeds
        if asked and all(row[name] == getattr(args, name) for name in SETTING):
            found[row["rule"]][row["seed"]] = row
    return found


def results(args: argparse.Namespace) -> Rows:
    """What ``args`` asks for, made where it is not in the file yet."""
    found = kept(args)
    missing = [(r, s) for s in range(args.seeds) for r in args.rules if s not in found[r]]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(args.jobs) as pool, args.out.open("a") as file:
        futures = [pool.submit(run, args, *one) for one in missing]
        for future in track(as_completed(futures), "runs", len(futures), transient=True):
            print(json.dumps(future.result()), file=file, flush=True)
    return kept(args)


def table(args: argparse.Namespace, found: Rows) -> str:
    values = {r: {s: row["accuracy"] for s, row in rows.items()} for r, rows in found.items()}
    plain, exact = values.get("none", {}), values.get(args.exact, {})
    lines = [
        f"| rule | passes | accuracy, {args.seeds} seeds | less none | less 3/4 of exact |",
        "| --- | ---: | --- | --- | --- |",
    ]
    for rule, mine in values.items():
        _, mean, std = mean_std(list(mine.values()))
        gain = {s: v - plain[s] for s, v in mine.items() if s in plain}
        part = {s: 0.75 * (v - plain[s]) for s, v in exact.items() if s in plain}
        cells = [
            rule,
            f"{found[rule][0]['passes']:.2f}",
            f"{mean:.3f} ± {std:.3f}",
            "" if rule == "none" else interval(paired_difference(mine, plain)),
            "" if rule in ("none", args.exact) else interval(paired_difference(gain, part)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def interval(d: Difference) -> str:
    return f"{d.mean:+.3f} [{d.low:+.3f}, {d.high:+.3f}]" if d.n else ""


def add_setting(parser: argparse.ArgumentParser) -> None:
    """The options that say what is trained, by which rules."""
    parser.add_argument("--regime", choices=NAMES, default="digits")
    parser.add_argument("--data-root", type=Path, help="of cifar: train/CLASS and test/CLASS")
    parser.add_argument("--wrong", type=float, default=0.4, help="share of wrong labels")
    parser.add_argument("--base", choices=BASES, default="sgd")
    parser.add_argument("--rules", nargs="+", required=True, metavar="RULE")
    parser.add_argument("--exact", default="BSAM,rho=0.1", metavar="RULE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_setting(parser)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, one thread each")
    parser.add_argument("--out", type=Path, default=Path("work_dirs/wrong_labels.jsonl"))
    args = parser.parse_args()
    print(table(args, results(args)))


if __name__ == "__main__":
    main()
