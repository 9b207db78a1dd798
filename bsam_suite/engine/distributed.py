"""Training in several processes, also without a GPU."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, init_dist, is_main_process

from bsam_suite.errors import InputError
from bsam_suite.shell import script, tool, torchrun

T = TypeVar("T")


def init_distributed(cfg: Config, command: str = "train") -> None:
    """Connect the processes of ``cfg.launcher``, also on machines without a GPU.

    MMEngine 0.10.7 does this when the runner is built, and needs a GPU for every process. Here it
    happens earlier. Without a GPU the backend is gloo, and the model is wrapped without a device.

    Args:
        cfg: its launcher is set.
        command: which one to name in messages.

    Raises:
        InputError: the launcher's environment variables are missing.
    """
    if cfg.launcher == "pytorch" and "RANK" not in os.environ:
        raise InputError(
            f"--launcher pytorch: start it as {torchrun()} --nproc_per_node N "
            f"{script(command)} CONFIG --launcher pytorch"
        )
    if cfg.launcher == "slurm" and "SLURM_PROCID" not in os.environ:
        raise InputError(
            f"--launcher slurm: start it as srun --ntasks N {tool(command)} CONFIG --launcher slurm"
        )
    if cfg.launcher == "none":
        return
    if torch.cuda.is_available():
        init_dist(cfg.launcher, **cfg.get("env_cfg", {}).get("dist_cfg", {}))
        return
    if cfg.launcher == "slurm":
        _take_slurm()
    torch.distributed.init_process_group("gloo")
    wrapper = dict(type="MMDistributedDataParallel", broadcast_buffers=False, device_ids=None)
    given = cfg.get("model_wrapper_cfg") or {}
    if given.get("type", wrapper["type"]) == wrapper["type"]:
        cfg.model_wrapper_cfg = {**wrapper, **given}


def _take_slurm() -> None:
    """Set what PyTorch reads by what Slurm sets, as MMEngine does on GPUs."""
    names = dict(RANK="SLURM_PROCID", WORLD_SIZE="SLURM_NTASKS", LOCAL_RANK="SLURM_LOCALID")
    os.environ.update({name: os.environ[given] for name, given in names.items()})
    if "MASTER_ADDR" not in os.environ:
        listed = ["scontrol", "show", "hostnames", os.environ["SLURM_NODELIST"]]
        hosts = subprocess.run(listed, check=True, capture_output=True, text=True).stdout
        os.environ["MASTER_ADDR"] = hosts.split()[0]
    os.environ.setdefault("MASTER_PORT", "29500")


def broadcast_from_main(choose: Callable[[], T]) -> T:
    """Call ``choose`` in the first process and return its result in all processes.

    Raises:
        InputError: the first process raised it.
    """
    chosen: list[Any] = [None]
    if is_main_process():
        try:
            chosen = [choose()]
        except InputError as error:
            chosen = [error]
    broadcast_object_list(chosen)
    if isinstance(chosen[0], InputError):
        raise chosen[0]
    return chosen[0]
