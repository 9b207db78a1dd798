"""Checkpoints load safely, or not at all."""

import os

import numpy as np
import pytest
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner import CheckpointLoader, save_checkpoint

from bsam_suite.compat import mend
from bsam_suite.engine.checkpoint import check_weights, read_checkpoint
from bsam_suite.errors import InputError


@pytest.fixture(autouse=True)
def mended():
    mend()


def test_what_mmengine_stores_loads(tmp_path):
    buffer = HistoryBuffer([1.0, 2.0], [1, 1])
    content = dict(
        state_dict={"w": torch.ones(2)},
        message_hub=dict(log_scalars={"loss": buffer}, runtime_info={"x": np.float64(3.0)}),
    )
    save_checkpoint(content, str(tmp_path / "a.pth"))
    loaded = CheckpointLoader.load_checkpoint(str(tmp_path / "a.pth"), map_location="cpu")
    assert loaded["message_hub"]["log_scalars"]["loss"].mean() == 1.5
    assert loaded["message_hub"]["runtime_info"]["x"] == 3.0


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_foreign_class_is_refused_and_does_not_run(tmp_path):
    trap, path = tmp_path / "sprung", tmp_path / "b.pth"
    torch.save(dict(state_dict={}, extra=Trap(str(trap))), path)
    with pytest.raises(InputError, match=r"b\.pth holds .*mkdir.*add_safe_globals"):
        read_checkpoint(str(path))
    assert not trap.exists()


@pytest.mark.parametrize("content", [b"", b"random bytes", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "c.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"c\.pth is no checkpoint"):
        read_checkpoint(str(path))


def test_missing_file_and_other_model(tmp_path):
    with pytest.raises(InputError, match=r"none\.pth"):
        read_checkpoint(str(tmp_path / "none.pth"))
    model = torch.nn.Linear(3, 2)
    check_weights(model, dict(state_dict=model.state_dict()), "x.pth")
    other = dict(state_dict=torch.nn.Linear(4, 2, bias=False).state_dict())
    with pytest.raises(InputError, match=r"another model: weight is \(2, 4\).*bias is missing"):
        check_weights(model, other, "x.pth")
