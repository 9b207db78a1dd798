"""Kill training runs at chosen moments and compare what they end with to an uninterrupted run.

``python tests/reliability/kills.py --kills 50 --processes 2`` kills with SIGKILL, SIGTERM and
SIGINT, goes on by ``--resume auto`` and prints how many kills hit what; a run that ends otherwise
is an error. Each attempt is ``tools/train.py`` in forks of this process, which has imported
everything. The kills of a process by itself are those of the first one.
"""

import argparse
import contextlib
import itertools
import mmap
import os
import pathlib
import random
import runpy
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))

import torch  # noqa: E402
from small_run import CONFIG, SmallNet, content, differences  # noqa: E402

import bsam_suite.engine.launch  # noqa: E402, F401
from bsam_suite.compat import patch_mmengine  # noqa: E402
from bsam_suite.engine.stop import GO_ON  # noqa: E402

BATCH = 8
SAVING = ("checkpoint half written", "checkpoint not synced", "checkpoint not renamed")
SAVING += ("pointer half written", "pointer not renamed", "old file not deleted")
SIGNALS = ("SIGTERM", "SIGINT")
KINDS = (*SAVING, *SIGNALS, "validation", "training", "any time", "validation")
EACH_3 = "default_hooks['checkpoint'].update(by_epoch=False, interval=3)\n"
FORMS = (  # of a run
    "",
    EACH_3,
    EACH_3 + "train_cfg = dict(by_epoch=False, max_iters=ITERATIONS, val_interval=4)\n",
)


class Moments:
    """Counts the moments of a kind in this process, and kills it at one of them.

    Args:
        kind: of :data:`KINDS`.
        number: the moment of this kind at which to die, from 1.
        phase: bytes that another process can read: what is going on; whether the run has begun,
            here or in an earlier process; whether it has here.
    """

    def __init__(self, kind: str, number: int, phase: mmap.mmap) -> None:
        self.kind, self.left, self.phase, self.steps = kind, number, phase, 0

    def here(self, kind: str) -> None:
        if kind == self.kind and self.phase[1]:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Put calls of :meth:`here` where they belong; of this process only."""
        write, fsync, replace, remove = Path.write_bytes, os.fsync, os.replace, os.remove
        forward = SmallNet.forward

        def write_bytes(path, content):
            if path.suffix == ".part":
                self.phase[0] = 2
                write(path, content[: len(content) // 2])
                is_pointer = path.stem == "last_checkpoint"
                self.here(f"{'pointer' if is_pointer else 'checkpoint'} half written")
            return write(path, content)

        def before_sync(file):
            self.here("checkpoint not synced")
            fsync(file)

        def before_rename(part, file):
            is_pointer = Path(file).name == "last_checkpoint"
            self.here(f"{'pointer' if is_pointer else 'checkpoint'} not renamed")
            replace(part, file)
            self.phase[0] = 0

        def before_removal(file, **kwargs):
            if str(file).endswith(".pth"):
                self.here("old file not deleted")
            remove(file, **kwargs)

        def forward_here(net, x, y, mode="tensor"):
            self.phase[0] = 0 if mode == "loss" else 1
            self.here("training" if mode == "loss" else "validation")
            result = forward(net, x, y, mode)
            self.phase[1] = 1  # this run has made a step, in this process or an earlier one
            self.phase[2] |= mode == "loss"
            return result

        pathlib.Path.write_bytes, SmallNet.forward = write_bytes, forward_here
        os.fsync, os.replace, os.remove = before_sync, before_rename, before_removal


class Run:
    """A run of one or more processes, in a folder, that is killed and goes on."""

    def __init__(self, config: Path, folder: Path, processes: int) -> None:
        self.config, self.folder, self.processes = config, folder, processes
        self.log, self.begun = folder.with_suffix(".txt"), False

    def attempt(self, kind="", number=0, after=None, chance=random):
        """Train in forks of this process.

        Args:
            kind: of :data:`KINDS`.
            number: of the moment, see :class:`Moments`.
            after: seconds after the first step of the run, or after the start of one that goes on,
                at which to kill instead; of a signal, most often after the first step made here.

        Returns:
            None if it has ended well, else what the kill has hit.
        """
        phase = mmap.mmap(-1, 3)
        phase[1] = self.begun
        begins = 2 if kind in SIGNALS and chance.random() < 0.8 else 1
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        children = []
        for rank in range(self.processes):
            children.append(os.fork())
            if children[-1] == 0:
                _train(self, rank, port, Moments(kind if rank == 0 else "", number, phase))
        ended = {}
        if after is not None:
            while not phase[begins] and not _wait(children, ended):
                time.sleep(0.001)
            time.sleep(after)
            if kind in SIGNALS:
                _send(children, getattr(signal, kind), chance)
            else:
                _send(children[:1], signal.SIGKILL)
        while not _wait(children, ended):
            time.sleep(0.001)
        if -signal.SIGKILL in ended.values():  # as a launcher does
            _send(children, signal.SIGKILL)
        begin = time.monotonic()
        while len(ended) < len(children):
            _wait(children, ended)
            time.sleep(0.001)
            assert time.monotonic() - begin < 60, f"does not end:\n{self.log.read_text()[-3000:]}"
        found = set(ended.values())
        if found == {0}:
            return None
        self.begun = True
        if kind in SIGNALS and found == {GO_ON}:
            return f"{kind}, saved"
        early = -getattr(signal, kind, 0) if kind in SIGNALS else -signal.SIGKILL
        if kind in SIGNALS:
            allowed = {early, INTERRUPTED}
            if not phase[2]:
                allowed.add(1)  # MMEngine takes Ctrl-C for a fault of the config that it writes
            assert found <= allowed, f"exit {found}:\n{self.log.read_text()[-3000:]}"
            return f"{kind}, before training"
        assert early in found, f"exit {found}:\n{self.log.read_text()[-3000:]}"
        return kind if after is None else ("training", "validation", "checkpoint")[phase[0]]


def _wait(children, ended) -> bool:
    """Whether one of the processes has ended; note how."""
    for child in {*children} - ended.keys():
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            ended[child] = os.waitstatus_to_exitcode(status)
    return bool(ended)


def _send(children, number, chance=None) -> None:
    """To all processes and those that load their data, to all, or, by chance, to one of them."""
    ways = [[-child for child in children], children, [children[-1]]]
    for child in chance.choice(ways) if chance else children:
        with contextlib.suppress(ProcessLookupError):  # has ended
            os.kill(child, number)


INTERRUPTED = 130


def _train(run: Run, rank: int, port: int, moments: Moments) -> None:
    code = 1
    try:
        os.setpgrp()
        with run.log.open("a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        moments.watch()
        sys.argv = ["train.py", str(run.config), "--work-dir", str(run.folder), "--resume", "auto"]
        if run.processes > 1:
            sys.argv += ["--launcher", "pytorch"]
            where = dict(MASTER_ADDR="127.0.0.1", MASTER_PORT=port, WORLD_SIZE=run.processes)
            where |= dict(RANK=rank, LOCAL_RANK=rank)
            os.environ.update({name: str(value) for name, value in where.items()})
        runpy.run_path(str(ROOT / "tools/train.py"), run_name="__main__")
        code = 0
    except SystemExit as error:
        print(error)
        code = error.code if isinstance(error.code, int) else 1
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def main(kills: int, home: Path, seed: int, processes: int, epochs: int) -> Counter:
    """Kill as often as asked, by all kinds in turn, runs of so many epochs of four batches.

    Returns:
        How many kills hit what.

    Raises:
        AssertionError: a run ended otherwise than the uninterrupted one.
    """
    patch_mmengine()
    chance, hit, expected = random.Random(seed), Counter(), {}
    sizes = dict(EPOCHS=epochs, ITERATIONS=4 * epochs, BATCH=BATCH // processes)
    waiting = [KINDS[i % len(KINDS)] for i in range(kills)]
    for number in itertools.count():
        form = number % len(FORMS)
        config = home / f"form_{form}.py"
        if form not in expected:
            text = CONFIG + FORMS[form]
            for name, size in sizes.items():
                text = text.replace(name, str(size))
            config.write_text(text)
            whole = Run(config, home / f"whole_{form}", processes)
            begin = time.monotonic()
            assert whole.attempt() is None
            seconds, expected[form] = time.monotonic() - begin, content(whole.folder)
        run = Run(config, home / f"run_{number}", processes)
        for kind in waiting[:8]:
            timed = kind in ("any time", *SIGNALS)
            after = chance.uniform(0, seconds / 2) if timed else None
            moment = chance.randint(1, 2 if kind in SAVING else 5)
            done = run.attempt(kind, moment, after, chance)
            if done is None:
                break
            waiting.remove(kind)
            hit[done] += 1
        else:
            done = run.attempt()
            assert done is None, done
        ended = content(run.folder)
        assert expected[form].keys() == ended.keys(), f"{run.folder} has {list(ended)}"
        faults = differences(expected[form], ended)
        assert not faults, f"{run.folder} differs:\n" + "\n".join(faults[:10])
        if not waiting:
            return hit
    raise AssertionError


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        hit = main(args.kills, Path(home), args.seed, args.processes, args.epochs)
    for kind, count in sorted(hit.items()):
        print(f"{count:4} {kind}")
    print(f"{hit.total():4} kills, every run ended as the uninterrupted one, bit for bit")
