"""Train one config under several rules and seeds, and tell what is the difference."""

import argparse
import shlex
import signal
import sys
from pathlib import Path

from bsam_suite.options import KeyValues
from bsam_suite.shell import tool
from bsam_suite.tool import run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", help="config file")
    parser.add_argument(
        "--rules",
        nargs="+",
        required=True,
        metavar="RULE",
        help="rules such as sam and bsam, and the config's optimizer, such as sgd, for none; "
        "differences are taken to the first",
    )
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="seeds 0 to N - 1 (5)")
    parser.add_argument(
        "--grid",
        nargs="+",
        default={},
        action=KeyValues,
        metavar="KEY=A,B",
        help="values to try: of hyperparameters (rho=0.05,0.1), or of fields of the config",
    )
    parser.add_argument(
        "--equal-compute",
        action="store_true",
        help="also the optimizer alone with as many epochs as make up for the rules' passes",
    )
    parser.add_argument("--metric", help="what to compare (the evaluator's first)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time (1)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder (work_dirs/compare/CONFIG)")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        default={},
        action=KeyValues,
        metavar="KEY=VALUE",
        help="config overrides for all runs",
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from bsam_suite.compare.command import compare

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends the runs as Ctrl-C does
    command = f"{tool('compare')} {shlex.join(sys.argv[1:])}"
    failed = compare(args, command)
    if failed:
        sys.exit(f"{failed} runs failed: mend the cause and repeat the command")


if __name__ == "__main__":
    run(main, stopped="stopped; the same command goes on")
