"""The float model that quantization-aware training starts from."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.registry import DATASETS, FUNCTIONS

from bsam_suite.engine.checkpoint import read_checkpoint
from bsam_suite.engine.config import load_config, preflight
from bsam_suite.engine.disk_errors import report_disk_errors
from bsam_suite.engine.divergence import add_divergence_hook
from bsam_suite.engine.registered import find
from bsam_suite.engine.reproduce import make_reproducible
from bsam_suite.engine.resume import find_checkpoint
from bsam_suite.engine.runner import Runner
from bsam_suite.engine.work_dir import choose_work_dir
from bsam_suite.errors import InputError
from bsam_suite.shell import ROOT, near, tool


@FUNCTIONS.register_module()
def float_checkpoint(cfg: Config, epochs: int) -> None:
    """Start from the float model's last checkpoint, where its data are embedded ones.

    Args:
        cfg: config of the quantized model; one that names a checkpoint keeps it.
        epochs: that the float model is trained for.
    """
    dataset = cfg.train_dataloader.dataset
    while "dataset" in dataset:
        dataset = dataset.dataset
    kind = find(dataset.type, DATASETS, cfg.get("default_scope"))
    if cfg.model.checkpoint is None and getattr(kind, "embedded", False):
        cfg.model.checkpoint = str(PLACE / Path(cfg.float_config).stem / f"epoch_{epochs}.pth")


@FUNCTIONS.register_module()
def prepare_float(cfg: Config) -> None:
    """Make sure of ``cfg.model.checkpoint``; a run that goes on does not need it.

    Where the config names the suite's own place for it, a missing one is trained first, by
    ``cfg.float_config``.

    Raises:
        InputError: no checkpoint is named or it does not exist, and it cannot be made here.
    """
    if cfg.get("resume") or cfg.get("load_from"):
        cfg.model.checkpoint = None
        return
    config, file = cfg.float_config, cfg.model.get("checkpoint")
    how = f"{tool('train')} {near(ROOT / config)}"
    if file is None:
        raise InputError(
            f"model.checkpoint is not set: train the float model by {how} with the same "
            "data_root, and add --cfg-options model.checkpoint=FILE"
        )
    if Path(file).is_file():
        read_checkpoint(file)
        return
    if Path(file).parent.parent != PLACE:
        raise InputError(f"model.checkpoint={file} does not exist: make it by {how}")
    if get_world_size() > 1:
        raise InputError(
            f"model.checkpoint={file} does not exist, and one process makes it: run {how} "
            f"--work-dir {near(Path(file).parent)} first"
        )
    _train(config, Path(file))


PLACE = Path("work_dirs/float")
"""Where float models of embedded data are kept: ``NAME/epoch_N.pth``."""


def _train(config: str, file: Path) -> None:
    print(f"The float model comes first: {config}, kept in {file}", flush=True)
    cfg = load_config(str(ROOT / config))
    cfg.work_dir = choose_work_dir(config, str(file.parent), "auto", "model.checkpoint in")
    if file.is_file():
        return  # another run has just made it
    cfg.launcher, cfg.load_from = "none", find_checkpoint(cfg.work_dir)
    cfg.resume = cfg.load_from is not None
    make_reproducible(cfg, cfg.get("randomness", {}).get("seed") or 0)
    add_divergence_hook(cfg)
    preflight(cfg)
    with report_disk_errors(cfg.work_dir):
        Runner.from_cfg(cfg).train()
    if not file.is_file():
        raise InputError(f"{config} made no {file.name}, it ends with another epoch")
