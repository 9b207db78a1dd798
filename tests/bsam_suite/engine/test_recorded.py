"""The config in a checkpoint is read as values: nothing in it is run."""

import os

import pytest
from mmengine.config import Config

from bsam_suite.engine.recorded import recorded_config
from bsam_suite.errors import InputError

CONTENT = dict(
    model=dict(type="Net", sizes=(1, -2.5, None), init_cfg=[dict(type="Constant", val=True)]),
    names={"a-b": "it's", "3": [dict(x=1)]},
    custom_imports=dict(imports=["bsam_suite.errors"]),
    optim_wrapper=dict(type="bsam_suite.engine.BSAMOptimWrapper"),
)


def checkpoint(text):
    return dict(meta=dict(cfg=text), state_dict={})


def test_values_are_those_of_mmengine():
    text = Config(CONTENT).pretty_text
    found = recorded_config(checkpoint(text), "a.pth", "model", "names")
    expected = Config.fromstring(text, ".py")
    assert found.to_dict() == {k: expected.to_dict()[k] for k in ("model", "names")}
    assert found.model.sizes == (1, -2.5, None)


@pytest.mark.parametrize(
    "text, said",
    [
        ("import os\nos.mkdir('ran')", "holds more than values .*import os"),
        ("model = __import__('os').mkdir('ran')", "holds more than values .*__import__"),
        ("model = dict(a=[open('ran', 'w')])", r"holds more than values .*open\('ran', 'w'\)"),
        ("model = dict(", "holds more than values"),
        ("model = dict(head=[dict(type='os.mkdir', path='ran')])", "names os.mkdir, which could"),
        ("custom_imports = dict(imports=['evil'])\nmodel = dict()", "names evil, which could run"),
        ("custom_imports = dict(imports='evil')\nmodel = dict()", "names evil, which could run"),
        ("other = 1", "has no model: give one by --config"),
        (None, "holds no config: give it by --config FILE"),
    ],
)
def test_what_is_refused(text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("import os; os.mkdir('ran')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=f"checkpoint a.pth .*{said}"):
        recorded_config(checkpoint(text), "a.pth", "model")
    assert not os.path.exists("ran")


def test_weights_alone():
    with pytest.raises(InputError, match="holds no config"):
        recorded_config({"layer.weight": 0}, "a.pth", "model")
