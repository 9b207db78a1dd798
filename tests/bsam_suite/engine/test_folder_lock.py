"""A folder belongs to one process at a time, and to nobody once that has died."""

import os
import signal

import pytest

from bsam_suite.engine import folder_lock as module
from bsam_suite.engine.folder_lock import lock_folder
from bsam_suite.engine.work_dir import choose_out_dir, choose_work_dir
from bsam_suite.errors import InputError


class Forked:
    """``function`` in a child of this process, which waits to be told to start and to end."""

    def __init__(self, function):
        (start, self._start), (self._answer, answer) = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._start)
            os.read(start, 1)
            os.write(answer, str(function()).encode())
            os.read(start, 1)
            os._exit(0)
        os.close(start)
        os.close(answer)

    def start(self):
        os.write(self._start, b"1")

    def answer(self):
        return os.read(self._answer, 99).decode()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def end(self):
        self.start()
        os.waitpid(self.pid, 0)


@pytest.fixture
def own():
    """``own(folder)`` lets another process have a folder; its answer is its own child's id."""
    children = []

    def start(folder):
        def take():
            assert lock_folder(folder)
            child = os.fork()  # as a loader's worker does, it outlives its killed parent
            if child == 0:
                signal.pause()
            return child

        process = Forked(take)
        process.start()
        children.append(int(process.answer()))
        return process, children[-1]

    yield start
    for child in children:
        os.kill(child, signal.SIGKILL)


def test_a_claim_dies_with_its_owner(own, tmp_path):
    process, child = own(tmp_path / "a")
    assert not lock_folder(tmp_path / "a")
    process.kill()
    os.kill(child, 0)  # it lives
    assert lock_folder(tmp_path / "a") and lock_folder(tmp_path / "a")


def test_runs_do_not_share_a_folder(own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    process, _ = own("work_dirs/a")
    assert choose_work_dir("a.py", None, None) == "work_dirs/a-2"
    for given, resume in (("work_dirs/a", None), ("work_dirs/a", "auto"), (None, "auto")):
        with pytest.raises(InputError, match="work_dirs/a is in use"):
            choose_work_dir("a.py", given, resume)
    with pytest.raises(InputError, match="work_dir work_dirs/a is in use"):
        choose_work_dir("a.py", "work_dirs/a", None, "work_dir")
    assert choose_out_dir(None, tmp_path / "work_dirs/a") == tmp_path / "work_dirs/a-2"
    with pytest.raises(InputError, match="--out work_dirs/a is in use"):
        choose_out_dir("work_dirs/a", tmp_path)
    process.kill()
    assert choose_work_dir("a.py", None, "auto") == "work_dirs/a"


def test_nothing_is_left_of_a_folder_that_was_not_used(tmp_path):
    def use(folder):
        return lock_folder(folder), module._release()

    (tmp_path / "full").mkdir()
    (tmp_path / "full/result").touch()
    for name in ("a/b", "full"):
        process = Forked(lambda name=name: use(tmp_path / name))
        process.start()
        assert process.answer() == "(True, None)"
        process.end()
    assert os.listdir(tmp_path) == ["full"] and os.listdir(tmp_path / "full") == ["result"]


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/bsam"])
def test_a_place_where_nothing_can_be_written(tmp_path, place):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"cannot write to .*{place}: "):
        lock_folder(tmp_path / place)


def test_a_lock_file_that_its_owner_has_just_removed_is_nobodys(tmp_path, monkeypatch):
    file, flock, opened = tmp_path / "a/.lock", module.fcntl.flock, []

    def removed_meanwhile(descriptor, how):
        flock(descriptor, how)
        opened.append(descriptor)
        if len(opened) == 1:
            file.unlink()

    monkeypatch.setattr(module.fcntl, "flock", removed_meanwhile)
    assert lock_folder(tmp_path / "a")
    assert len(opened) == 2 and os.path.samestat(os.fstat(opened[1]), file.stat())


def test_one_of_many_gets_it(tmp_path):
    for number in range(5):
        processes = [
            Forked(lambda number=number: lock_folder(tmp_path / f"{number}")) for _ in range(4)
        ]
        for process in processes:
            process.start()
        assert sorted(process.answer() for process in processes) == ["False"] * 3 + ["True"]
        for process in processes:
            process.end()
