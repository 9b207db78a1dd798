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
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
from mmengine.logging import HistoryBuffer  # noqa: E402

import bsam_suite.engine.launch  # noqa: E402, F401
from bsam_suite.compat import mend  # noqa: E402
from tests.reliability.small import CONFIG, SmallData, SmallError, SmallNet  # noqa: E402, F401

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


def content(folder: Path) -> dict:
    """All that a run has kept, but for times and places."""
    found = {}
    for file in sorted(folder.glob("*.pth*")):
        kept = torch.load(file, weights_only=True)
        hub = kept["message_hub"]
        info = {
            k: Path(v).name if "ckpt" in k and isinstance(v, str) else v
            for k, v in hub["runtime_info"].items()
            if k not in ("experiment_name", "cfg", "eta")
        }
        logged = {k: v for k, v in hub["log_scalars"].items() if "time" not in k}
        meta = {name: kept["meta"][name] for name in ("epoch", "iter", "seed")}
        found[file.name] = dict(kept, meta=meta, message_hub=dict(info=info, logged=logged))
    return found


def differences(one, other, place="") -> list[str]:
    """Where two nested values are not equal bit for bit."""
    if isinstance(one, HistoryBuffer):
        one, other = one.data[0].tolist(), other.data[0].tolist()
    if isinstance(one, torch.Tensor):
        same = one.dtype == other.dtype and torch.equal(one, other)
    elif isinstance(one, dict) and one.keys() == other.keys():
        return [d for k in one for d in differences(one[k], other[k], f"{place}/{k}")]
    elif isinstance(one, (list, tuple)) and len(one) == len(other):
        return [d for i, p in enumerate(zip(one, other)) for d in differences(*p, f"{place}/{i}")]
    else:
        same = one == other
    return [] if same else [f"{place}: {str(one)[:200]} and {str(other)[:200]}"]


def main(kills: int, home: Path, seed: int = 0) -> Counter:
    """Kill as often as asked, by all kinds in turn.

    Returns:
        How many kills hit what.

    Raises:
        AssertionError: a run ended otherwise than the uninterrupted one.
    """
    mend()
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
