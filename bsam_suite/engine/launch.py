"""From a command line to a running MMEngine Runner and a summary of what came out."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import is_main_process

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.amp import use_amp
from bsam_suite.engine.building import building
from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.engine.checked_batches import report_unreadable
from bsam_suite.engine.checkpoint import check_some_weights, load_weights, read_checkpoint
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.engine.damaged import add_damaged_images_hook
from bsam_suite.engine.disk_errors import report_disk_errors
from bsam_suite.engine.distributed import init_distributed
from bsam_suite.engine.divergence import add_divergence_hook
from bsam_suite.engine.malloc import keep_freed_memory
from bsam_suite.engine.metric_names import MetricNamesHook
from bsam_suite.engine.reproduce import make_reproducible
from bsam_suite.engine.runner import Runner
from bsam_suite.engine.sheet_hook import is_sheet
from bsam_suite.engine.signals import report_dead_workers
from bsam_suite.engine.start import choose_start
from bsam_suite.engine.stop import StopHook
from bsam_suite.engine.summary import summarize, summarize_test
from bsam_suite.engine.tensorboard import log_to_tensorboard
from bsam_suite.errors import InputError


def train(args: Namespace) -> None:
    """Train as ``bsam train`` was told, then print metrics, checkpoint and next command.

    Raises:
        InputError: something given is not usable, or the disk is full; nothing has been written
            over.
    """
    if not torch.cuda.is_available():
        keep_freed_memory()
    cfg = _prepare(args, args.rule)
    checkpoint = choose_start(args, cfg)
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        use_amp(cfg)
    if args.tensorboard:
        log_to_tensorboard(cfg)
    if args.auto_scale_lr:
        if "base_batch_size" not in (cfg.get("auto_scale_lr") or {}):
            raise InputError(
                f"--auto-scale-lr: {args.config} sets no auto_scale_lr.base_batch_size"
            )
        cfg.auto_scale_lr.enable = True
    check_optim_wrapper(cfg)
    seed = _seed(args, cfg, checkpoint)
    add_divergence_hook(cfg)
    add_damaged_images_hook(cfg)
    preflight(cfg)
    make_reproducible(cfg, seed)
    print(f"Results: {cfg.work_dir}", flush=True)
    with building(cfg), report_disk_errors(cfg.work_dir), StopHook() as stop:
        runner = Runner.from_cfg(cfg)
        runner.register_hook(MetricNamesHook())
        runner.register_hook(stop)
        if checkpoint is not None:
            check = load_weights if cfg.resume else check_some_weights
            check(runner.model, checkpoint, cfg.load_from)
        del checkpoint
        with report_dead_workers(), report_unreadable():
            runner.train()
        if is_main_process():
            summarize(runner, args)


def test(args: Namespace) -> None:
    """Evaluate as ``bsam test`` was told.

    Raises:
        InputError: something given is not usable.
    """
    cfg = _prepare(args)
    beside = str(Path(args.checkpoint).parent / "test")
    cfg.work_dir = args.work_dir or cfg.get("work_dir") or beside
    checkpoint = read_checkpoint(args.checkpoint)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.dump:
        if not args.dump.endswith((".pkl", ".pickle")):
            raise InputError(f"--dump {args.dump}: give a name that ends in .pkl")
        evaluators = cfg.test_evaluator
        evaluators = list(evaluators) if isinstance(evaluators, (list, tuple)) else [evaluators]
        cfg.test_evaluator = [*evaluators, dict(type="DumpResults", out_file_path=args.dump)]
    cfg.custom_hooks = [*cfg.get("custom_hooks", []), dict(type="NormalizeCheckpointHook")]
    preflight(cfg)
    with building(cfg):
        runner = Runner.from_cfg(cfg)
        load_weights(runner.model, checkpoint, args.checkpoint)
        del checkpoint
        with report_unreadable():
            metrics = runner.test()
    if is_main_process():
        summarize_test(runner, metrics, args)


def _prepare(args: Namespace, rule: tuple[str, dict] | None = None) -> Config:
    if args.launcher != "none":
        os.environ.setdefault("LOCAL_RANK", str(args.local_rank))
    patch_mmengine()
    cfg = load_config(args.config, args.cfg_options, rule)
    cfg.launcher = args.launcher
    init_distributed(cfg)
    if args.show_dir:
        for hook in cfg.get("custom_hooks", []):
            if is_sheet(hook):
                hook.out_dir = args.show_dir
    return cfg


def _seed(args: Namespace, cfg: Config, checkpoint: dict | None) -> int:
    resumed = (checkpoint or {}).get("meta", {}).get("seed") if cfg.get("resume") else None
    if resumed is not None and args.seed not in (None, resumed):
        raise InputError(
            f"--seed {args.seed}: the run to resume has seed {resumed}; leave --seed out"
        )
    if resumed is not None:
        return resumed
    seed, place = args.seed, f"--seed {args.seed}"
    if seed is None:
        seed = cfg.get("randomness", {}).get("seed") or 0
        place = f"randomness.seed={seed!r}"
    if not (isinstance(seed, int) and 0 <= seed < 2**31):
        raise InputError(f"{place}: give a number from 0 to {2**31 - 1}")
    return seed
