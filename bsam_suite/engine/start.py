"""The folder of a training run and the checkpoint that it starts from."""

from __future__ import annotations

from argparse import Namespace

from mmengine.config import Config

from bsam_suite.engine.checkpoint import read_checkpoint
from bsam_suite.engine.distributed import broadcast_from_main
from bsam_suite.engine.resume import check_complete, find_checkpoint
from bsam_suite.engine.work_dir import choose_work_dir
from bsam_suite.errors import InputError


def choose_start(args: Namespace, cfg: Config) -> dict | None:
    """Set ``work_dir``, ``resume`` and ``load_from`` of ``cfg``.

    The command line takes precedence over the config, as in MMEngine. In the config ``work_dir``
    means ``--work-dir``, ``resume=True`` means ``--resume auto``, and with ``load_from=FILE``
    ``--resume FILE``. The first process decides for all.

    Returns:
        The checkpoint to start from, if there is one.

    Raises:
        InputError: the folder or the checkpoint cannot be used.
    """
    if cfg.get("resume") not in (None, True, False):
        raise InputError(f"resume={cfg.resume!r} in {args.config}: give True or False")
    wanted = args.resume
    if wanted is None and cfg.get("resume"):
        wanted = cfg.get("load_from") or "auto"
    given, place = (
        (args.work_dir, "--work-dir") if args.work_dir else (cfg.get("work_dir"), "work_dir")
    )
    cfg.work_dir, found = broadcast_from_main(
        lambda: _choose(choose_work_dir(args.config, given, wanted, place), wanted)
    )
    cfg.resume = found is not None
    if found is not None:
        cfg.load_from = found
    if not cfg.get("load_from"):
        return None
    checkpoint = read_checkpoint(cfg.load_from)
    if cfg.resume:
        check_complete(checkpoint, cfg.load_from)
    return checkpoint


def _choose(work_dir: str, wanted: str | None) -> tuple[str, str | None]:
    if wanted != "auto":
        return work_dir, wanted
    found = find_checkpoint(work_dir)
    if found is None:
        print(f"--resume auto: no checkpoint in {work_dir}, a new run starts", flush=True)
    return work_dir, found
