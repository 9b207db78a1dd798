"""Several processes: what MMEngine's launchers take for granted."""

from __future__ import annotations

import os

import torch
from mmengine.config import Config

from bsam_suite.errors import InputError
from bsam_suite.shell import ROOT, near, tool, torchrun


def join_processes(cfg: Config) -> None:
    """Join the processes of ``cfg.launcher``, also on machines without a GPU.

    MMEngine 0.10.7 takes a GPU for every process. Without one the processes are joined here, over
    gloo, and the model is wrapped without a device; MMEngine then finds both done.

    Raises:
        InputError: the launcher's environment is missing, or slurm without a GPU.
    """
    if cfg.launcher == "pytorch" and "RANK" not in os.environ:
        raise InputError(
            f"--launcher pytorch: start it as {torchrun()} --nproc_per_node N "
            f"{near(ROOT / 'tools/train.py')} CONFIG --launcher pytorch"
        )
    if cfg.launcher == "slurm" and "SLURM_PROCID" not in os.environ:
        raise InputError(
            f"--launcher slurm: start it as srun --ntasks N {tool('train')} CONFIG --launcher slurm"
        )
    if cfg.launcher == "none" or torch.cuda.is_available():
        return
    if cfg.launcher == "slurm":
        raise InputError(
            "--launcher slurm needs a GPU for each task: without one, start torchrun and give "
            "--launcher pytorch"
        )
    torch.distributed.init_process_group("gloo")
    wrapper = dict(type="MMDistributedDataParallel", broadcast_buffers=False, device_ids=None)
    cfg.model_wrapper_cfg = {**wrapper, **cfg.get("model_wrapper_cfg", {})}
