"""A signal saves at the next step; the second one ends at once."""

import os
import signal
from pathlib import Path

import pytest
import torch

from bsam_suite.engine.resume import find_checkpoint
from bsam_suite.engine.stop import GO_ON

SHORT = dict(train_cfg__max_epochs=2)


@pytest.fixture
def send():
    """``send(n, number, ...)``: the signals come in the n-th forward pass of the training."""
    monkeypatch = pytest.MonkeyPatch()

    def prepare(number, *signals):
        from small_run import SmallNet

        forward, passes = SmallNet.forward, []

        def counted(net, x, y, mode="tensor"):
            if mode == "loss":
                passes.append(None)
            if mode == "loss" and len(passes) == number:
                for one in signals:
                    signal.raise_signal(one)
            return forward(net, x, y, mode)

        monkeypatch.setattr(SmallNet, "forward", counted)
        return monkeypatch.undo

    # A shell starts what goes on in the background with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield prepare
    monkeypatch.undo()
    signal.signal(signal.SIGINT, before)


def stopped(small, **options):
    with pytest.raises(SystemExit) as end:
        small(work_dir="run", **SHORT, **options)
    assert end.value.code == GO_ON == os.EX_TEMPFAIL
    return torch.load("run/stopped.pth", weights_only=True)["meta"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_run_goes_on(small, send, capsys, number):
    from small_run import content, differences

    before = signal.getsignal(number)
    small(work_dir="whole", **SHORT)
    undo = send(14, number)  # three passes a step: in the fifth of eight steps
    meta = stopped(small)
    assert (meta["iter"], meta["epoch"], meta["data"]["done"]) == (5, 1, 1)
    said = "after 5 iterations; all is in run/stopped.pth. The same command with --resume auto goes"
    assert said in capsys.readouterr().out
    assert signal.getsignal(number) is before
    undo()
    assert find_checkpoint("run") == "run/stopped.pth"
    small(work_dir="run", resume="auto", **SHORT)
    assert not Path("run/stopped.pth").exists()  # an epoch's checkpoint is newer
    assert not differences(content(Path("whole")), content(Path("run")))


def test_it_is_found_without_the_pointer_and_an_epoch_is_without_it(small, send):
    undo = send(14, signal.SIGTERM)
    stopped(small)
    undo()
    Path("run/last_checkpoint").unlink()
    assert find_checkpoint("run") == "run/stopped.pth"
    Path("run/stopped.pth").write_bytes(b"cut short")
    assert find_checkpoint("run") == "run/epoch_1.pth"


def test_gradients_that_are_added_up_are_not_lost(small, send):
    send(1, signal.SIGTERM)  # the first of two batches
    meta = stopped(small, optim_wrapper__accumulative_counts=2)
    assert meta["iter"] == 2


def test_two_at_the_same_time_are_one(small, send):
    send(4, signal.SIGTERM, signal.SIGTERM, signal.SIGINT)
    assert stopped(small)["iter"] == 2


def test_the_second_one_ends_at_once(small, send, monkeypatch):
    monkeypatch.setattr("bsam_suite.engine.stop.TOGETHER", -1.0)  # clocks may stand still
    send(4, signal.SIGTERM, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        small(work_dir="run", **SHORT)
    assert not list(Path("run").glob("*.pth"))


def test_without_checkpoints_it_stops_too(small, send, capsys):
    send(1, signal.SIGTERM)
    with pytest.raises(SystemExit, match=str(GO_ON)):
        small(work_dir="run", default_hooks__checkpoint=None, **SHORT)
    assert "there is no hook that saves checkpoints" in capsys.readouterr().out


def test_workers_let_signals_pass_but_those_of_the_run(tmp_path):
    """They are needed until the run has saved; the run can still end them."""
    import multiprocessing

    from bsam_suite.engine.signals import start_worker

    def work(ready, passed):
        start_worker(0)
        ready.set()
        passed.wait()

    context = multiprocessing.get_context("fork")
    ready, passed = context.Event(), context.Event()
    worker = context.Process(target=work, args=(ready, passed))
    worker.start()
    assert ready.wait(20)
    for number in (signal.SIGTERM, signal.SIGINT):  # of another process than its parent
        assert os.spawnlp(os.P_WAIT, "kill", "kill", f"-{int(number)}", str(worker.pid)) == 0
    worker.join(0.2)
    assert worker.is_alive()
    worker.terminate()
    worker.join(20)
    assert worker.exitcode == 0


def test_what_was_just_saved_is_not_saved_twice(small, send):
    each = dict(default_hooks__checkpoint__by_epoch=False, train_cfg__max_epochs=1)
    send(10, signal.SIGTERM)  # in the last step
    with pytest.raises(SystemExit, match=str(GO_ON)):
        small(work_dir="run", **each)
    assert find_checkpoint("run") == "run/iter_4.pth"
    assert not Path("run/stopped.pth").exists()
    Path("run/stopped.pth").touch()  # of a kill after the pointer was written
    small(work_dir="run", resume="auto", **each)
    assert not Path("run/stopped.pth").exists()
