"""What a process learns from Slurm where there is no GPU."""

import os

import pytest
from mmengine.config import Config

from bsam_suite.engine import distributed

SLURM = dict(SLURM_PROCID="5", SLURM_NTASKS="8", SLURM_LOCALID="1", SLURM_NODELIST="n[1-4]")


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """A job of Slurm; gives the variables after the processes have been connected."""
    monkeypatch.setattr(distributed.torch.distributed, "init_process_group", [].append)
    monkeypatch.setattr(distributed.torch.cuda, "is_available", lambda: False)
    (tmp_path / "scontrol").write_text(
        '#!/bin/sh\n[ "$*" = "show hostnames n[1-4]" ] && echo n1 n2'
    )
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setattr(os, "environ", {"PATH": f"{tmp_path}:{os.environ['PATH']}", **SLURM})

    def connect(**given):
        os.environ.update(given)
        distributed.init_distributed(Config(dict(launcher="slurm")))
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
        return [os.environ[name] for name in names]

    return connect


def test_place_and_meeting_point_come_from_slurm(slurm):
    assert slurm() == ["5", "8", "1", "n1", "29500"]


def test_a_meeting_point_that_was_given_stays(slurm):
    given = dict(MASTER_ADDR="n3", MASTER_PORT="4711")
    assert slurm(**given) == ["5", "8", "1", "n3", "4711"]
