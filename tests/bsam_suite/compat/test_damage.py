"""A checkpoint with a flipped bit is refused, wherever the bit is and wherever the file is from."""

import io
import zipfile

import numpy as np
import pytest
import torch
from mmengine.runner import CheckpointLoader
from torch.serialization import set_crc32_options

from bsam_suite.compat import patch_mmengine
from bsam_suite.compat.safe_loading import load_checkpoint
from bsam_suite.engine.checkpoint import read_checkpoint
from bsam_suite.errors import InputError


@pytest.fixture
def saved(tmp_path):
    patch_mmengine()
    file = tmp_path / "c.pth"
    state = dict(a=torch.arange(40.0), b=torch.ones(3, dtype=torch.int64))
    torch.save(dict(state_dict=state, meta=dict(epoch=1)), file)
    return file


def flip(file, place):
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def members(file):
    """Where the content of each member of the zip file begins, and its length."""
    with zipfile.ZipFile(file) as content:
        for member in content.infolist():
            header = file.read_bytes()[member.header_offset :][:30]
            names = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:], "little")
            yield member.filename, member.header_offset + 30 + names, member.file_size


def test_every_bit_counts(saved):
    whole = saved.read_bytes()
    places = [(name, start + at) for name, start, size in members(saved) for at in {0, size - 1}]
    assert {name.rpartition("/")[2] for name, _ in places} >= {"data.pkl", "0", "1", "version"}
    for name, place in places:
        saved.write_bytes(whole)
        flip(saved, place)
        with pytest.raises(InputError, match=f"{name} in it is damaged"):
            read_checkpoint(str(saved))
        with pytest.raises(InputError, match="damaged"):
            load_checkpoint(io.BytesIO(saved.read_bytes()))
    saved.write_bytes(whole)
    assert read_checkpoint(str(saved))["state_dict"]["a"][39] == 39
    opened = io.BytesIO(whole)
    assert load_checkpoint(opened)["meta"] == dict(epoch=1)


def test_a_damaged_name_is_no_class_to_allow(saved):
    torch.save(dict(a=np.float64(1)), saved)
    flip(saved, saved.read_bytes().index(b"multiarray"))
    with pytest.raises(InputError, match="data.pkl in it is damaged") as refused:
        read_checkpoint(str(saved))
    assert "BSAM_SUITE_ALLOW" not in str(refused.value)


def test_a_damaged_download_is_refused(saved, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(saved.parent / "home"))
    flip(saved, next(start for name, start, _ in members(saved) if name.endswith("data/0")))
    for _ in range(2):  # fetched, and found where it was fetched to
        with pytest.raises(InputError, match="c.pth .*damaged.*delete it, so that it is downl"):
            CheckpointLoader.load_checkpoint(f"http://{saved}", map_location="cpu")


@pytest.fixture(autouse=True)
def local_addresses(monkeypatch):
    """``http://PATH`` is a file of this machine."""
    import urllib.request

    def urlopen(request, *args, **kwargs):
        address = request.full_url.removeprefix("http://")
        return urllib.request.OpenerDirector.open(opener, f"file://{address}")

    opener = urllib.request.build_opener(urllib.request.FileHandler)
    monkeypatch.setattr(torch.hub, "urlopen", urlopen)


@pytest.mark.parametrize("kind", ["no sums", "before PyTorch 1.6"])
def test_files_without_sums_are_read(saved, kind):
    content = dict(a=torch.arange(9.0))
    if kind == "no sums":
        set_crc32_options(False)
        try:
            torch.save(content, saved)
        finally:
            set_crc32_options(True)
    else:
        torch.save(content, saved, _use_new_zipfile_serialization=False)
    assert torch.equal(read_checkpoint(str(saved))["a"], content["a"])


@pytest.mark.parametrize(
    "path",
    ["http://127.0.0.1:9/a.pth", "torchvision://no_such", "open-mmlab://no_such", "s3://a/b.pth"],
)
def test_what_cannot_be_fetched_is_told_in_a_line(path, monkeypatch):
    patch_mmengine()
    monkeypatch.undo()  # the network as it is: nothing listens at that port
    with pytest.raises(InputError, match=f"checkpoint {path} .*give (a|the) file"):
        read_checkpoint(path)
