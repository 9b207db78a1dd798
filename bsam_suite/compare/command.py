"""What ``bsam compare`` does."""

from __future__ import annotations

from argparse import Namespace
from functools import partial
from pathlib import Path

from bsam_suite.compare.methods import list_methods
from bsam_suite.compare.report import report
from bsam_suite.compare.results import collect
from bsam_suite.compare.run import run_all
from bsam_suite.compare.stages import Make, Stages
from bsam_suite.compare.study import (
    Cell,
    Study,
    combinations,
    is_study,
    label,
    read_study,
    typed_values,
)
from bsam_suite.compare.submit import open_executor, submit_all
from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.config import load_config
from bsam_suite.engine.disk_errors import report_disk_errors
from bsam_suite.engine.folder_lock import lock_folder
from bsam_suite.errors import InputError
from bsam_suite.optional import need
from bsam_suite.quiet import tell

OPTIONS = ("rules", "seeds", "grid", "equal_compute", "metric", "cfg_options")
"""What a study says itself."""


def compare(args: Namespace) -> int:
    """Make the runs that are missing and report on all.

    Returns:
        The number of runs that failed.

    Raises:
        InputError: an argument cannot be used, or another comparison uses the folder.
    """
    patch_mmengine()
    if args.jobs < 1:
        raise InputError(f"--jobs {args.jobs}: give a number from 1")
    out = args.out or Path("work_dirs/compare") / Path(args.config).stem
    study = _study(args)
    need("scipy.stats", "compare")
    if study.sampler == "optuna":
        need("optuna", "tuning")
    records = args.records or out / "records"
    stages = Stages(study, out, records, None if args.report else _maker(args, study, out))
    with report_disk_errors(out):
        if not lock_folder(out):
            raise InputError(
                f"another comparison uses {out}: wait for it, or give another folder by --out"
            )
        choices = stages.tune()
        stages.test(choices)
        missing = sum(not run.done for run in stages.runs) - len(stages.failed)
        if missing:
            tell(f"{missing} of {len(stages.runs)} planned runs have no record yet")
        other = {*records.glob("*.json")} - {run.record_file for run in stages.runs}
        if other and not missing:
            tell(f"{len(other)} records in {records} are of other configs or seeds: left out")
        results = collect(stages.runs, study.metric)
        where = report(study, choices, results, args.command_line, out)
    tell(f"Results: {out}/results.md, .csv, .json, .png", where)
    if missing:
        tell("Next: the same command without --report makes the missing runs")
    elif not stages.failed:
        tell("Next: intervals get narrower with more seeds; the same command makes only new runs")
    return len(stages.failed)


def _maker(args: Namespace, study: Study, out: Path) -> Make:
    """What makes runs: processes of this one, or jobs of a cluster.

    Raises:
        InputError: submitit is missing, or does not take the settings.
    """
    if args.submit is None:
        return partial(run_all, jobs=args.jobs, metric=study.metric)
    executor = open_executor(args.submit, out / "jobs")
    return partial(submit_all, executor, jobs=args.jobs, metric=study.metric)


def _study(args: Namespace) -> Study:
    """The study in the file, or that which the options make of a config.

    Raises:
        InputError: something cannot be used.
    """
    if is_study(args.config):
        given = [f"--{name.replace('_', '-')}" for name in OPTIONS if getattr(args, name)]
        if given:
            raise InputError(f"{args.config} is a study, which says that itself: omit {given[0]}")
        return read_study(args.config)
    if not args.rules:
        raise InputError(f"--rules: say which rules to compare on {args.config}, such as none bsam")
    seeds = 5 if args.seeds is None else args.seeds
    if seeds < 1:
        raise InputError(f"--seeds {seeds}: give a number from 1")
    grid = {name: typed_values(name, text) for name, text in args.grid.items()}
    hyper = {name: values for name, values in grid.items() if "." not in name}
    cells = []
    for setting in combinations({n: values for n, values in grid.items() if "." in n}):
        chosen = {**(args.cfg_options or {}), **setting}
        methods = list_methods(
            load_config(args.config, chosen), args.rules, hyper, args.equal_compute
        )
        cells.append(Cell(args.config, label(setting), chosen, methods, seeds))
    return Study(cells, args.metric)
