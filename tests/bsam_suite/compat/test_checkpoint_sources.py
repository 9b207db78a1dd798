"""Wherever MMEngine takes a checkpoint from, it takes no code."""

import functools
import http.server
import json
import threading
from collections import OrderedDict
from pickle import UnpicklingError

import mmengine.runner.checkpoint as mmengine_checkpoint
import pytest
import torch
from mmengine.runner import CheckpointLoader

from bsam_suite.compat import patch_mmengine
from bsam_suite.errors import InputError


@pytest.fixture(autouse=True)
def patched():
    patch_mmengine()


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder, its address, and MMEngine's other sources led to that address."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    monkeypatch.setattr(http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    home = tmp_path / "home"
    monkeypatch.setenv("TORCH_HOME", str(home))
    monkeypatch.setenv("MMENGINE_HOME", str(folder))
    models = {"model": f"{address}/a.pth", "file": "a.pth"}
    (folder / "open_mmlab.json").write_text(json.dumps(models))

    class Bucket:
        @staticmethod
        def get(name):
            return (folder / name.rpartition("/")[2]).read_bytes()

    for name in ("get_torchvision_models", "get_mmcls_models"):
        monkeypatch.setattr(mmengine_checkpoint, name, lambda: models)
    monkeypatch.setattr(mmengine_checkpoint, "get_file_backend", lambda *_, **__: Bucket)
    yield folder, address
    server.shutdown()
    server.server_close()


SOURCES = [
    "{address}/a.pth",
    "torchvision://model",
    "modelzoo://model",
    "open-mmlab://model",
    "openmmlab://file",
    "mmcls://model",
    "s3://bucket/a.pth",
    "petrel://bucket/a.pth",
    "{folder}/a.pth",
]


@pytest.mark.parametrize("new_format", [True, False])
@pytest.mark.parametrize("source", SOURCES)
def test_every_source_loads_weights_and_no_code(served, source, new_format, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # must not matter
    folder, address = served
    source = source.format(address=address, folder=folder)
    content = dict(state_dict=OrderedDict({"backbone.w": torch.ones(2)}))
    torch.save(content, folder / "a.pth", _use_new_zipfile_serialization=new_format)
    state = CheckpointLoader.load_checkpoint(source, map_location="cpu")["state_dict"]
    assert next(iter(state.values())).tolist() == [1, 1]

    for cached in folder.parent.glob("home/hub/checkpoints/*"):
        cached.unlink()
    sprung = folder / "sprung"
    content["extra"] = Trap(str(sprung))
    torch.save(content, folder / "a.pth", _use_new_zipfile_serialization=new_format)
    with pytest.raises(InputError, match=r"_?io\.open, which is not allowed.*BSAM_SUITE_ALLOW"):
        CheckpointLoader.load_checkpoint(source, map_location="cpu")
    assert not sprung.exists()


def test_a_download_that_fails_or_is_no_checkpoint(served):
    folder, address = served
    with pytest.raises(OSError, match="404"):
        CheckpointLoader.load_checkpoint(f"{address}/none.pth")
    (folder / "page.pth").write_text("<html>not found</html>")
    with pytest.raises(
        InputError, match=r"checkpoints/page\.pth is no checkpoint.*delete it.*downloaded again"
    ):
        CheckpointLoader.load_checkpoint(f"{address}/page.pth")


class Method:
    """A method when it is unpickled, got by ``getattr``."""

    def __reduce__(self):
        return getattr, (OrderedDict, "fromkeys")


def load_as_onedl(file):
    """As onedl-mmengine 0.10.12 does with what its ``mmengine.runner.checkpoint`` has as torch."""
    torch = mmengine_checkpoint.torch
    try:
        with torch.serialization.safe_globals([getattr]):
            return torch.load(file, map_location=None, weights_only=True)
    except UnpicklingError:
        return torch.load(file, map_location=None, weights_only=False)


def test_a_loader_that_tries_again_takes_no_code_either(tmp_path):
    torch.save(dict(state_dict=dict(w=torch.ones(2))), tmp_path / "good.pth")
    assert load_as_onedl(tmp_path / "good.pth")["state_dict"]["w"].tolist() == [1, 1]
    torch.save(dict(a=Trap(str(tmp_path / "made"))), tmp_path / "code.pth")
    with pytest.raises(InputError, match="not allowed"):
        load_as_onedl(tmp_path / "code.pth")
    assert not (tmp_path / "made").exists()
    torch.save(dict(a=Method()), tmp_path / "method.pth")
    with pytest.raises(InputError, match="fromkeys"):
        load_as_onedl(tmp_path / "method.pth")
