"""What tells one training from another, and one code."""

import json

import pytest
from mmengine.config import Config

from bsam_suite.compare import record
from bsam_suite.compare.record import code_hash, config_hash, curves


def test_the_same_training_has_the_same_hash_wherever_its_results_go():
    cfg = Config(dict(model=dict(rate=0.1, width=3)))
    same = Config(dict(work_dir="x", model=dict(width=3, rate=0.1)))
    other = Config(dict(model=dict(rate=0.2, width=3)))
    assert config_hash(cfg) == config_hash(same) != config_hash(other)


@pytest.mark.parametrize(
    "text, same",
    [
        (
            '"""Other words."""\nx = 1  # a remark\n\n\ndef f():\n    """Says."""\n    return x\n',
            True,
        ),
        ("x = 2\n\ndef f():\n    return x\n", False),
        ("x = 1\n\ndef f():\n    return -x\n", False),
    ],
)
def test_code_differs_where_it_does_something_else(tmp_path, monkeypatch, text, same):
    def of(content):
        (tmp_path / "tasks").mkdir(exist_ok=True)
        (tmp_path / "tasks/a.py").write_text(content)
        code_hash.cache_clear()
        return code_hash()

    monkeypatch.setattr(record, "ROOT", tmp_path)
    try:
        assert (of('"""Words."""\nx = 1\n\ndef f():\n    return x\n') == of(text)) == same
    finally:
        code_hash.cache_clear()


def test_curves_go_over_all_times_a_run_was_started(tmp_path):
    logs = {
        "20260101": [dict(epoch=1, loss=2.0, step=10), dict(accuracy=0.1, time=1.0, step=1)],
        "20260102": [dict(accuracy=0.2, step=1), dict(accuracy=0.3, AP=0.5, step=2)],
    }
    for time, rows in logs.items():
        folder = tmp_path / time / "vis_data"
        folder.mkdir(parents=True)
        (folder / "scalars.json").write_text("\n".join(map(json.dumps, rows)))
    assert curves(tmp_path) == dict(accuracy={1: 0.2, 2: 0.3}, AP={2: 0.5})
