"""What ``bsam find_rho`` does."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import torch

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.disk_errors import report_disk_errors
from bsam_suite.engine.malloc import keep_freed_memory
from bsam_suite.engine.work_dir import choose_out_dir
from bsam_suite.errors import InputError
from bsam_suite.json_file import write_json
from bsam_suite.progress import progress_bar
from bsam_suite.quiet import tell
from bsam_suite.rho_finder.find import RADII, WINDOW, find
from bsam_suite.rho_finder.line import check_radii
from bsam_suite.rho_finder.report import as_dict, draw, table, verdict, with_radii
from bsam_suite.rho_finder.runs import ConfigRuns
from bsam_suite.shell import next_command


def find_rho(args: Namespace) -> None:
    """Find the radius and write ``find_rho.json`` and ``.png`` to a folder.

    Raises:
        InputError: an argument cannot be used, or plain training does not leave its first loss.
    """
    if not torch.cuda.is_available():
        keep_freed_memory()
    patch_mmengine()
    radii = args.radii or RADII
    check_radii(radii, "--radii")
    if args.steps is not None and args.steps < 2 * WINDOW:
        raise InputError(f"--steps {args.steps}: give a number from {2 * WINDOW}")
    if not 0 <= args.seed < 2**31:
        raise InputError(f"--seed {args.seed}: give a number from 0 to {2**31 - 1}")
    name, values = args.rule
    runs = ConfigRuns(args.config, args.cfg_options, name, values, args.looks, args.seed)
    steps = args.steps or runs.steps
    if steps > runs.whole:
        raise InputError(f"--steps {steps}: the whole training has {runs.whole}, give fewer")
    default = Path("work_dirs/find_rho") / Path(args.config).stem
    runs.out = choose_out_dir(args.out, default)
    print(f"{type(runs.rule).__name__}, runs of {steps} of {runs.whole} steps", flush=True)
    with report_disk_errors(runs.out):
        with progress_bar() as progress:
            found = find(runs, runs.rule, radii, steps, progress)
        typed = " ".join([name, *(f"{key}={value}" for key, value in values.items())])
        write_json(runs.out / "find_rho.json", dict(command=args.command_line) | as_dict(found))
        draw(found, f"{Path(args.config).stem}, {typed}", runs.out / "find_rho.png")
    tell("", table(found), "", verdict(found, typed, runs.rule.radius_names))
    tell(f"Results: {runs.out}/find_rho.json, .png")
    if found.rho is None:
        tell("Next: the same command with smaller --radii")
    else:
        rule = with_radii(found, typed, runs.rule.radius_names)
        tell(next_command("train", args, "--rule", *rule.split()))
