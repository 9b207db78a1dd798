"""Train and evaluate the cases of one package, in the environment that has it.

    python benchmarks/openmmlab_runs.py PACKAGE FOLDER

The commands are those of the suite, each in a process forked from this one, which has imported what
they need. Prints a row of the table for each config, and keeps logs and results in FOLDER.
"""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import shlex
import sys
import traceback
from pathlib import Path

from openmmlab_cases import CASES, REFUSED, Case

RULE = ["--rule", "BSAM"]
HALF = "optim_wrapper.dtype=bfloat16"
STEPS, PASSES = 2, 3


class Failed(Exception):
    """A command has ended otherwise than it should."""


def main(package: str, folder: str) -> bool:
    """Print the rows; returns whether all ran as they should."""
    from bsam_suite.compat import import_openmmlab

    root = Path(folder).resolve()
    import_openmmlab(package)
    good = True
    for case in CASES[package]:
        try:
            print(_row(case, root), flush=True)
        except Failed as failure:
            good = False
            print(f"| `{case.config}` | FAILED: {failure} |", flush=True)
    for config, op in REFUSED.get(package, {}).items():
        try:
            run("train", [config, *RULE, "--work-dir", str(root / _name(config))])
            said = "it was not refused"
        except Failed as failure:
            said = str(failure)
        right = op in said and "mmcv-lite" in said
        good &= right
        print(f"| `{config}` | {'refused' if right else 'FAILED'}: {said} |", flush=True)
    return good


def _row(case: Case, root: Path) -> str:
    """Train in float32 and in bfloat16, and evaluate: the first after, the second in training."""
    kind, known = _train(case, root, "float")
    float_losses = _losses(kind)
    checkpoint = known["checkpoint"]
    if case.probe is None:
        place = root / f"{_name(case.config)}-test"
        options = _options(case.options, root)
        argv = [case.config, checkpoint, "--work-dir", str(place), "--cfg-options", *options]
        run("test", argv)
        metrics = json.loads(max(place.glob("*/*.json"), key=os.path.getmtime).read_text())
    else:
        options = [o.replace("CHECKPOINT", checkpoint) for o in case.probe.options]
        _, probed = _train(Case(case.probe.config, options), root, "float")
        metrics = probed["metrics"]
    half, _ = _train(case, root, "bfloat16", HALF)
    name, value = next(iter(metrics.items()), ("none", math.nan))
    cells = [
        f"`{case.config}`",
        f"{known['weights'] / 1e6:.1f}",
        float_losses,
        _losses(half),
        f"{name} {value:.3g}",
    ]
    return f"| {' | '.join(cells)} |"


def _train(case: Case, root: Path, dtype: str, *more: str) -> tuple[list[float], dict]:
    """The losses of both steps; metrics, checkpoint, and the number of weights in it."""
    from bsam_suite.engine.checkpoint import read_checkpoint
    from bsam_suite.engine.summary import last_checkpoint

    place = root / f"{_name(case.config)}-{dtype}"
    options = [*_options(case.options, root), "default_hooks.logger.interval=1", *more]
    run("train", [case.config, *RULE, "--work-dir", str(place), "--cfg-options", *options])
    found = json.loads((place / "metrics.json").read_text())
    if (found["iterations"], found["passes_per_step"]) != (STEPS, PASSES):
        raise Failed(f"{found['iterations']} steps of {found['passes_per_step']} passes")
    logged = max(place.glob("*/vis_data/scalars.json"), key=os.path.getmtime)
    lines = [json.loads(line) for line in logged.read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    if not all(math.isfinite(s["loss"]) and "max_sharpness" in s for s in steps):
        raise Failed("a loss is not finite, or the rule is not in the log")
    checkpoint = last_checkpoint(place)
    weights = read_checkpoint(checkpoint)["state_dict"]
    found["weights"] = sum(v.numel() for k, v in weights.items() if not k.endswith("_tracked"))
    return [s["loss"] for s in steps], found | dict(checkpoint=str(Path(checkpoint).resolve()))


def _losses(losses: list[float]) -> str:
    return ", ".join(f"{loss:.3f}" for loss in losses)


def _options(options: list[str], root: Path) -> list[str]:
    return [option.replace("DATA", str(root / "data")) for option in options]


def _name(config: str) -> str:
    return Path(config.partition("::")[2]).stem


def run(command: str, argv: list[str]) -> None:
    """Run a command of the suite as its own process would, its output in ``WORK_DIR.log``.

    Raises:
        Failed: it has not ended well; with the last line that it has said.
    """
    log = Path(argv[argv.index("--work-dir") + 1] + ".log")
    print(f"+ bsam {command} {shlex.join(argv)}", file=sys.stderr, flush=True)
    child = multiprocessing.get_context("fork").Process(target=_child, args=(command, argv, log))
    child.start()
    child.join()
    if child.exitcode:
        said = log.read_text().strip().splitlines() or ["nothing"]
        raise Failed(f"{said[-1].removeprefix('error: ')} ({log})")


def _child(command: str, argv: list[str], log: Path) -> None:
    from bsam_suite.commands import training

    with log.open("w") as file, contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            getattr(training, command)(argv)
        except SystemExit as end:
            print(end.code)
            file.flush()
            os._exit(1 if end.code else 0)
        except BaseException:
            traceback.print_exc(file=file)
            file.flush()
            os._exit(1)


if __name__ == "__main__":
    sys.exit(not main(*sys.argv[1:]))
