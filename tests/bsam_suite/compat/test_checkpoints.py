"""Checkpoints load safely, or not at all."""

import os
import re
from argparse import Namespace
from fractions import Fraction

import numpy as np
import pytest
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner import CheckpointLoader, save_checkpoint

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.checkpoint import read_checkpoint
from bsam_suite.errors import InputError


@pytest.fixture(autouse=True)
def patched():
    before = torch.serialization.get_safe_globals()
    patch_mmengine()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(before)


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


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_arrays_saved_under_numpy_1_and_2(tmp_path, core):
    path = tmp_path / "a.pth"
    content = dict(array=np.arange(3), number=np.float32(2))
    torch.save(content, path, _use_new_zipfile_serialization=False)
    plain = path.read_bytes().replace(b"numpy._core", b"numpy.core")
    assert plain.count(b"numpy.core") == 2
    path.write_bytes(plain.replace(b"numpy.core", core))
    loaded = read_checkpoint(str(path))
    assert loaded["array"].tolist() == [0, 1, 2] and loaded["number"] == 2


def test_arrays_without_elements_load(tmp_path):
    # The links' colours of a skeleton that has none, in the data set's metainfo.
    torch.save(dict(colours=np.zeros((0, 3), np.uint8)), tmp_path / "a.pth")
    loaded = read_checkpoint(str(tmp_path / "a.pth"))["colours"]
    assert loaded.shape == (0, 3) and loaded.dtype == np.uint8


class Trap:
    """Runs ``function(*args)`` when it is unpickled."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize(
    "function, args, message",
    [
        (os.mkdir, (), r"b\.pth .*\w+\.mkdir, which is never allowed.*Do not use"),
        (
            open,
            ("w",),
            r"b\.pth .*_?io\.open, which is not allowed.*BSAM_SUITE_ALLOW=_?io\.open",
        ),
        (bytes, (10**12,), r"b\.pth .*bytes, which is not allowed"),
        (eval, (), r"b\.pth .*builtins\.eval, which is not allowed"),
        (
            getattr,
            ("__class__",),
            r"b\.pth .*'__class__' of builtins\.str, which is not allowed",
        ),
    ],
)
def test_what_could_run_is_refused_and_does_not_run(tmp_path, function, args, message, new_format):
    sprung = tmp_path / "sprung"
    first = f"open({str(sprung)!r}, 'w')" if function is eval else str(sprung)
    content = dict(state_dict={}, extra=Trap(function, first, *args))
    path = tmp_path / "b.pth"
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(InputError, match=message):
        read_checkpoint(str(path))
    assert not sprung.exists()


def test_methods_in_a_checkpoint_are_mmengines_own(tmp_path):
    content = dict(min=HistoryBuffer.min, mean=HistoryBuffer([3.0], [1]).mean)
    torch.save(content, tmp_path / "a.pth")
    assert read_checkpoint(str(tmp_path / "a.pth"))["mean"]() == 3
    torch.save(dict(update=HistoryBuffer.update), tmp_path / "b.pth")
    with pytest.raises(InputError, match=r"b\.pth .*'update' of mmengine.*HistoryBuffer"):
        read_checkpoint(str(tmp_path / "b.pth"))


@pytest.mark.parametrize("new_format", [True, False])
def test_the_remedy_works_when_typed(tmp_path, new_format, monkeypatch):
    path = tmp_path / "c.pth"
    content = dict(options=Namespace(lr=0.1), ratio=Fraction(1, 3))
    torch.save(content, path, _use_new_zipfile_serialization=new_format)
    for _ in range(1 if new_format else 2):  # the old format names one class at a time
        with pytest.raises(InputError) as refused:
            read_checkpoint(str(path))
        (name, value), *_ = re.findall(r"(BSAM_SUITE_ALLOW)=(\S+)", str(refused.value))
        monkeypatch.setenv(name, value)
        patch_mmengine()
    loaded = read_checkpoint(str(path))
    assert loaded["options"].lr == 0.1 and loaded["ratio"] == Fraction(1, 3)
    assert set(value.split(",")) == {"argparse.Namespace", "fractions.Fraction"}


def test_a_name_that_is_none_cannot_be_allowed(monkeypatch):
    monkeypatch.setenv("BSAM_SUITE_ALLOW", "argparse.Namespace,argparse.Nothing")
    with pytest.raises(InputError, match=r"argparse\.Nothing in BSAM_SUITE_ALLOW"):
        patch_mmengine()


@pytest.mark.parametrize("content", [b"", b"random bytes", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_checkpoint(tmp_path, content):
    path = tmp_path / "c.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"c\.pth is no checkpoint"):
        read_checkpoint(str(path))


def test_a_checkpoint_for_another_device_keeps_its_error(tmp_path):
    path = tmp_path / "d.pth"
    torch.save(dict(w=torch.ones(1)), path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"\x03\x00\x00\x00cpu", b"\x03\x00\x00\x00hpu"))
    with pytest.raises(RuntimeError, match="map_location"):
        CheckpointLoader.load_checkpoint(str(path))
    assert read_checkpoint(str(path))["w"] == 1


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"none\.pth"):
        read_checkpoint(str(tmp_path / "none.pth"))
