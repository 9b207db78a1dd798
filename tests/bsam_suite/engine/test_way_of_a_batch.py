"""The way of a batch through the suite is short, and docs/how_a_step_works.md tells it."""

import sys
from pathlib import Path

from mmengine.runner import Runner

from bsam_suite.engine.config import load_config

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how_a_step_works.md"


def files_of_a_step(runner, wrapper, data):
    """The suite's files that run between ``train_step`` and the base optimizer's step."""
    found = set()

    def watch(frame, event, arg):
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT) and ".venv" not in path.parts:
            found.add(path.relative_to(ROOT))

    end = wrapper.optimizer.register_step_pre_hook(lambda *_: sys.setprofile(None))
    sys.setprofile(watch)
    try:
        runner.model.train_step(data, optim_wrapper=wrapper)
    finally:
        sys.setprofile(None)
        end.remove()
    return found - {Path(__file__).relative_to(ROOT)}


def test_at_most_12_files(people, tmp_path):
    cfg = load_config(
        str(ROOT / "configs/pose/hrnet-tiny_bsam_people-128x96.py"), dict(data_root=str(people))
    )
    cfg.train_dataloader.batch_size = 2
    cfg.work_dir, cfg.launcher = str(tmp_path), "none"
    runner = Runner.from_cfg(cfg)
    wrapper = runner.build_optim_wrapper(cfg.optim_wrapper)
    batches = iter(Runner.build_dataloader(cfg.train_dataloader))
    runner.model.train_step(next(batches), optim_wrapper=wrapper)  # the first one checks more
    found = files_of_a_step(runner, wrapper, next(batches))
    assert 8 < len(found) <= 12
    text = PAGE.read_text()
    library = {path for path in found if path.parts[0] == "bsam_suite"}
    assert [path.name for path in sorted(library) if path.name not in text] == []
    assert all(len((ROOT / path).read_text().splitlines()) <= 250 for path in found)
