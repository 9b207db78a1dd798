"""Files are whole or not there."""

import os

import pytest

from bsam_suite.atomic_write import atomic_path, write_bytes, write_text
from bsam_suite.compat import patch_mmengine


def test_a_file_is_replaced_by_a_whole_one(tmp_path, monkeypatch):
    file = tmp_path / "a.pth"
    file.write_bytes(b"old")
    seen = []
    replace, fsync = os.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda opened: (seen.append("sync"), fsync(opened)))
    monkeypatch.setattr(os, "replace", lambda *names: (seen.append(names), replace(*names)))
    write_bytes(file, b"new")
    assert seen == ["sync", (tmp_path / "a.pth.part", file), "sync"]
    assert file.read_bytes() == b"new" and os.listdir(tmp_path) == ["a.pth"]
    write_text(file, "\u00e9")
    assert file.read_bytes() == b"\xc3\xa9"


def test_an_error_leaves_the_old_file(tmp_path):
    file = tmp_path / "a.pth"
    file.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_path(file) as part:
        part.write_bytes(b"ne")
        assert file.read_bytes() == b"old"
        raise KeyboardInterrupt
    assert file.read_bytes() == b"old" and os.listdir(tmp_path) == ["a.pth"]


def test_mmengine_writes_so_too(tmp_path, monkeypatch):
    import mmengine
    from mmengine.runner.checkpoint import save_checkpoint

    patch_mmengine()
    replaced = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (replaced.append(b.name), replace(a, b)))
    save_checkpoint(dict(a=1), str(tmp_path / "new/a.pth"))
    mmengine.dump(dict(a=1), tmp_path / "a.json")
    mmengine.dump(dict(a=1), tmp_path / "a.pkl")
    assert replaced == ["a.pth", "a.json", "a.pkl"]
    assert mmengine.load(tmp_path / "a.json") == dict(a=1)
