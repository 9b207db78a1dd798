"""Runs of seconds, made as ``tools/train.py`` makes them."""

from argparse import Namespace
from pathlib import Path
from uuid import uuid4

import pytest

RELIABILITY = Path(__file__).parents[2] / "reliability"


@pytest.fixture
def small(tmp_path, monkeypatch):
    """``small(**options)`` trains the config of ``small_run.py`` in an empty folder.

    Options are those of the command line; others, with ``__`` for a dot, are of the config, as are
    those in ``cfg``.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(RELIABILITY))
    import small_run

    from bsam_suite import commands
    from bsam_suite.engine.launch import train

    Path("small.py").write_text(small_run.CONFIG.replace("EPOCHS", "4").replace("BATCH", "8"))
    given = vars(commands.train.parse(["small.py"]))

    def run(cfg=None, **options):
        own = {name: options.pop(name) for name in given.keys() & options.keys()}
        named = {name.replace("__", "."): value for name, value in options.items()}
        named = {"train_dataloader.num_workers": 0, **named, **(cfg or {})}
        named["experiment_name"] = str(uuid4())  # else runs of one second share their logs
        train(Namespace(**{**given, **own, "cfg_options": named}))

    return run
