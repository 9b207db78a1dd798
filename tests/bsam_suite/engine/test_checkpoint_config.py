"""The config in a checkpoint is read as values: nothing in it is run."""

import os
import re
import sys

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.checkpoint_config import check_types, config_of_checkpoint
from bsam_suite.errors import InputError

CONTENT = dict(
    model=dict(type="Net", sizes=(1, -2.5, None), init_cfg=[dict(type="Constant", val=True)]),
    names={"a-b": "it's", "3": [dict(x=1)]},
    custom_imports=dict(imports=["bsam_suite.errors", "tasks.pose.register_all"]),
    optim_wrapper=dict(type="bsam_suite.engine.BSAMOptimWrapper"),
)


def checkpoint(text):
    return dict(meta=dict(cfg=text), state_dict={})


def test_values_are_those_of_mmengine():
    text = Config(CONTENT).pretty_text
    found = config_of_checkpoint(checkpoint(text), "a.pth")
    assert found == Config.fromstring(text, ".py").to_dict()
    assert found["model"]["sizes"] == (1, -2.5, None)


@pytest.mark.parametrize(
    "text, said",
    [
        ("import os\nos.mkdir('ran')", "more than values .*import os"),
        ("model = __import__('os').mkdir('ran')", "more than values .*__import__"),
        ("model = dict(a=[open('ran', 'w')])", r"more than values .*open\('ran', 'w'\)"),
        ("model = dict(", "more than values"),
        ("custom_imports = dict(imports=['evil'])", "imports evil, which could run"),
        ("custom_imports = dict(imports='evil')", "imports evil, which could run"),
        (None, "no config: .*--config FILE"),
    ],
)
def test_what_is_refused(text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("import os; os.mkdir('ran')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=f"checkpoint a.pth .*{said}"):
        config_of_checkpoint(checkpoint(text), "a.pth")
    assert not os.path.exists("ran")


def test_weights_alone():
    with pytest.raises(InputError, match="no config"):
        config_of_checkpoint({"layer.weight": 0}, "a.pth")


def test_a_module_that_the_user_allows_is_imported(tmp_path, monkeypatch):
    (tmp_path / "my_parts.py").write_text(
        "from mmengine.registry import MODELS\n@MODELS.register_module()\nclass MyNet:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    content = checkpoint("custom_imports = dict(imports=['my_parts'])\nmodel = dict(type='MyNet')")
    with pytest.raises(InputError) as refused:
        config_of_checkpoint(content, "a.pth")
    name, value = re.search(r"(BSAM_SUITE_ALLOW)=([^,]+),", str(refused.value)).groups()
    monkeypatch.setenv(name, value)
    patch_mmengine()  # the name of a module is none of a class
    model = config_of_checkpoint(content, "a.pth")["model"]
    check_types(model, [MODELS], ["torch.nn"], "the config", "model")
    monkeypatch.delenv(name)
    with pytest.raises(InputError, match="the config sets 'model.type' to 'MyNet'"):
        check_types(model, [MODELS], ["torch.nn"], "the config", "model")
    MODELS.module_dict.pop("MyNet")
    sys.modules.pop("my_parts")
