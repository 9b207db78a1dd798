"""Kill training runs at chosen moments and compare what they end with to an uninterrupted run.

``python tests/reliability/kills.py --kills 50`` kills with SIGKILL, goes on by ``--resume auto``
and prints how many kills hit what; a run that ends otherwise is an error. Each attempt is
``tools/train.py`` in a fork of this process, which has imported everything.
"""

import argparse
import mmap
import os
import pathlib
import random
import runpy
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(Path(__file__).parent))

import torch  # noqa: E402
from small_run import CONFIG, SmallNet, content, differences  # noqa: E402

import bsam_suite.engine.launch  # noqa: E402, F401
from bsam_suite.compat import patch_mmengine  # noqa: E402

EPOCHS = 8
SAVING = ("checkpoint half written", "checkpoint not synced", "checkpoint not renamed")
SAVING += ("pointer half written", "pointer not renamed", "old file not deleted")
KINDS = (*SAVING, "validation", "training", "any time", "validation")


class Moments:
    """Counts the moments of a kind in this process, and kills it at one of them.

    Args:
        kind: of :data:`KINDS`.
        number: the moment of this kind at which to die, from 1.
        phase: a byte that another process can read: what is going on.
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
            return result

        pathlib.Path.write_bytes, SmallNet.forward = write_bytes, forward_here
        os.fsync, os.replace, os.remove = before_sync, before_rename, before_removal


def attempt(config: Path, folder: Path, log: Path, kind="", number=0, after=None, begun=False):
    """Train in a fork of this process.

    Returns:
        None if it has ended well, else what the kill has hit.
    """
    phase = mmap.mmap(-1, 2)
    phase[1] = begun
    child = os.fork()
    if child == 0:
        _train(config, folder, log, Moments(kind, number, phase))
    if after is not None:
        while not phase[1] and os.waitpid(child, os.WNOHANG)[0] == 0:
            time.sleep(0.001)
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        return None
    assert status == -signal.SIGKILL, f"exit {status}:\n{log.read_text()[-3000:]}"
    return kind if after is None else ("training", "validation", "checkpoint written")[phase[0]]


def _train(config: Path, folder: Path, log: Path, moments: Moments) -> None:
    code = 1
    try:
        with log.open("a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        moments.watch()
        sys.argv = ["train.py", str(config), "--work-dir", str(folder), "--resume", "auto"]
        runpy.run_path(str(ROOT / "tools/train.py"), run_name="__main__")
        code = 0
    except SystemExit as error:
        print(error)
    finally:
        sys.stdout.flush()
        os._exit(code)


def main(kills: int, home: Path, seed: int = 0) -> Counter:
    """Kill as often as asked, by all kinds in turn.

    Returns:
        How many kills hit what.

    Raises:
        AssertionError: a run ended otherwise than the uninterrupted one.
    """
    patch_mmengine()
    chance, hit = random.Random(seed), Counter()
    config = home / "small.py"
    config.write_text(CONFIG.replace("EPOCHS", str(EPOCHS)))
    whole, run = home / "whole", 0
    begin = time.monotonic()
    assert attempt(config, whole, home / "whole.txt") is None
    seconds, expected = time.monotonic() - begin, content(whole)
    waiting = [KINDS[i % len(KINDS)] for i in range(kills)]
    while waiting:
        run, begun = run + 1, False
        folder, log = home / f"run_{run}", home / f"run_{run}.txt"
        for kind in waiting[:8]:
            after = chance.uniform(0, seconds / 2) if kind == "any time" else None
            moment = chance.randint(1, 2 if kind in SAVING else 5)
            done = attempt(config, folder, log, kind, moment, after, begun)
            if done is None:
                break
            waiting.remove(kind)
            hit[done] += 1
            begun = True
        else:
            done = attempt(config, folder, log)
            assert done is None, done
        faults = differences(expected, content(folder))
        assert not faults, f"{folder} differs:\n" + "\n".join(faults[:10])
    return hit


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        hit = main(args.kills, Path(home), args.seed)
    for kind, count in sorted(hit.items()):
        print(f"{count:4} {kind}")
    print(f"{hit.total():4} kills, every run ended as the uninterrupted one, bit for bit")
