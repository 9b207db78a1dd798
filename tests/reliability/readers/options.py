"""Options of the command line."""

import copy
import random
from functools import cache
from pathlib import Path

import mutations as change
import small_run
from mmengine.config import Config

from bsam_suite.engine.check_config import check_config
from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.engine.config import merge_options
from bsam_suite.errors import InputError
from bsam_suite.options import Typed
from readers.reader import Reader

SET = small_run.CONFIG.replace("EPOCHS", "2").replace("BATCH", "8")
LINES = """optim_wrapper.optimizer.lr=1e-3
optim_wrapper.rho=0.05
optim_wrapper.optimizer.momentum=0.5
optim_wrapper.clip_grad.max_norm=1
train_dataloader.batch_size=4
train_dataloader.dataset.noise=0.5
train_dataloader.sampler.shuffle=False
train_cfg.max_epochs=3
default_hooks.checkpoint.save_best=mse
default_hooks.logger.interval=2
param_scheduler.0.factor=0.5
param_scheduler.1.end=9
custom_hooks.0.momentum=0.2
val_evaluator.prefix='a b'
randomness.seed=[1,2]
custom_hooks=[]
"""
SIGNS = (
    "=",
    ".",
    ",",
    "[",
    "]",
    "(",
    ")",
    "'",
    '"',
    "-",
    "1",
    "e",
    "0",
    "~",
    "\\",
    "{",
    "}",
    "é",
    "#",
)


def changed_options(content: bytes, rng: random.Random) -> bytes:
    """Lines of ``KEY=VALUE`` with other keys and values, or other signs in them."""
    pairs = [line.partition("=") for line in content.decode(errors="surrogateescape").splitlines()]
    if not pairs:
        raise change.NotWhole
    at, way = rng.randrange(len(pairs)), rng.randrange(6)
    key, sign, value = pairs[at]
    if way == 0:
        value = str(change.odd(rng))[:200]
    elif way == 1:
        value = rng.choice(pairs)[2]
    elif way == 2:
        key = rng.choice(pairs)[0]
        value = value if rng.random() < 0.5 else rng.choice(pairs)[2]
    elif way == 3:
        parts = key.split(".")
        parts[rng.randrange(len(parts))] = rng.choice(
            ("0", "-1", "9", "type", "a", "lr", "_delete_")
        )
        key = ".".join(parts)
    elif way == 4:
        place = rng.randint(0, len(value))
        value = value[:place] + rng.choice(SIGNS) + value[place + rng.randint(0, 2) :]
    else:
        place = rng.randint(0, len(key))
        key = key[:place] + rng.choice(SIGNS) + key[place + rng.randint(0, 1) :]
    pairs[at] = key, sign, value
    if len(pairs) > 1 and rng.random() < 0.2:
        del pairs[rng.randrange(len(pairs))]
    return "\n".join(map("".join, pairs)).encode(errors="replace")


@cache
def small_config() -> Config:
    return Config.fromstring(SET, ".py")


def option_seeds(folder: Path) -> list[bytes]:
    lines = LINES.splitlines()
    small_config()
    return ["\n".join(lines[i : i + 4]).encode() for i in range(0, len(lines), 4)]


def pairs_of(content: bytes) -> dict[str, Typed]:
    """As :class:`bsam_suite.options.KeyValues` has them."""
    given = {}
    for line in content.decode(errors="surrogateescape").splitlines():  # as Python's sys.argv
        key, sign, value = line.partition("=")
        if not sign or not all(key.split(".")):
            raise InputError(f"{line!r} is not KEY=VALUE")
        given[key] = Typed(value)
    return given


def read_options(path: Path) -> None:
    """As ``tools/train.py --cfg-options`` does."""
    cfg = copy.deepcopy(small_config())
    merge_options(cfg, pairs_of(path.read_bytes()))
    check_optim_wrapper(cfg)
    check_config(cfg)


OPTIONS = Reader(".txt", option_seeds, changed_options, pairs_of, read_options)
