"""Modules that a config names: added to those of its base, and taken from beside the config."""

import sys
from functools import cache
from pathlib import Path

import pytest
from mmengine.config import utils
from mmengine.fileio import load

from bsam_suite.engine import RULES, imports
from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.engine.checkpoint_config import config_of_checkpoint
from bsam_suite.engine.config import load_config
from bsam_suite.engine.read_config import read_config
from bsam_suite.errors import InputError

ROOT = Path(__file__).parents[3]
BASE = ROOT / "configs/classification/resnet18_sgd.py"
RULE = """
from bsam_suite.engine import RULES
from bsam_suite.sharpness import Here, Rule

@RULES.register_module()
class {name}(Rule):
    def __init__(self, rho=0.05):
        super().__init__(rho=rho)

    def gradient(self, h):
        return (yield Here())
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


def write(folder, imports, text="", name="config.py", base=BASE):
    text = f"_base_ = {str(base)!r}\ncustom_imports = {imports}\n{text}"
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_rule_beside_the_config_joins_what_the_base_imports(folder):
    (folder / "rule_beside.py").write_text(RULE.format(name="RuleBeside"))
    wrapper = 'optim_wrapper = dict(type="SharpnessOptimWrapper", rule=dict(type="RuleBeside"))'
    cfg = load_config(write(folder, "dict(imports=['rule_beside'])", wrapper))
    assert cfg.custom_imports["imports"] == ["tasks.classification.register_all", "rule_beside"]
    assert RULES.get("RuleBeside").__module__ == "rule_beside"
    check_optim_wrapper(cfg)
    # Over two generations, and a name that both give stands once.
    imports = "dict(imports=['json', 'rule_beside'])"
    cfg = load_config(write(folder, imports, name="child.py", base="config.py"))
    assert cfg.custom_imports["imports"] == [
        "tasks.classification.register_all",
        "rule_beside",
        "json",
    ]


def test_a_module_above_the_config(folder):
    """As that of a project whose configs have a folder of their own."""
    (folder / "configs/deep").mkdir(parents=True)
    (folder / "task_above").mkdir()
    (folder / "task_above/parts.py").write_text(RULE.format(name="RuleAbove"))
    load_config(write(folder, "dict(imports=['task_above.parts'])", name="configs/deep/config.py"))
    assert RULES.get("RuleAbove").__module__ == "task_above.parts"
    assert sys.path[-1] == str(folder)


def test_one_module_as_text_and_a_package(folder):
    (folder / "rules_here").mkdir()
    (folder / "rules_here/__init__.py").touch()
    (folder / "rules_here/mine.py").write_text(RULE.format(name="RuleInPackage"))
    load_config(write(folder, "dict(imports='rules_here.mine')"))
    assert RULES.get("RuleInPackage").__module__ == "rules_here.mine"


def test_delete_takes_the_place_of_the_base(folder):
    cfg = load_config(write(folder, "dict(_delete_=True, imports=['json'])"))
    assert cfg.custom_imports["imports"] == ["json"]


def test_nothing_installed_is_hidden(folder):
    for name in ("json", "torch", "tasks"):
        (folder / f"{name}.py").write_text("raise RuntimeError('the wrong one')")
    before = list(sys.path)
    load_config(write(folder, "dict(imports=['json', 'torch', 'tasks'])"))
    assert sys.path == before


def test_a_recorded_config_imports_nothing_from_beside(folder):
    (folder / "rule_recorded.py").write_text("raise RuntimeError('imported')")
    text = "custom_imports = dict(imports=['rule_recorded'])\nmodel = dict(type='X')\n"
    with pytest.raises(InputError, match="rule_recorded"):
        config_of_checkpoint(dict(meta=dict(cfg=text)), str(folder / "x.pth"))


@pytest.mark.parametrize(
    ("imports", "words"),
    [
        ("dict(imports=['rule_besid'])", "'rule_besid'|'rule_beside'"),
        ("dict(imports=['no_such_module'])", "'no_such_module'"),
        ("dict(imports=['tasks.no_such_part'])", "'tasks.no_such_part'"),
        ("dict(imports=['broken_rule'])", "'broken_rule'|ZeroDivisionError|broken_rule.py:2"),
        ("dict(imports=['misspelt_rule'])", "'misspelt_rule'|SyntaxError|misspelt_rule.py:1"),
        ("dict(imports=['needs_more'])", "'needs_more'|'not_installed'|needs_more.py:1"),
        ("dict(imports=[3])", "3"),
        ("dict(import_=['json'])", "import_|'imports'"),
        ("'json'", "'json'"),
    ],
)
def test_what_cannot_be_imported_is_named(folder, imports, words):
    (folder / "rule_beside.py").touch()
    (folder / "broken_rule.py").write_text("\n1 / 0\n")
    (folder / "misspelt_rule.py").write_text("class X(\n")
    (folder / "needs_more.py").write_text("import not_installed\n")
    with pytest.raises(InputError) as caught:
        load_config(write(folder, imports))
    message = str(caught.value)
    assert "\n" not in message and not [w for w in words.split("|") if w not in message], message


def test_failed_imports_may_be_allowed(folder):
    with pytest.warns(UserWarning, match="no_such_module"):
        load_config(write(folder, "dict(imports=['no_such_module'], allow_failed_imports=True)"))


def test_lists_of_a_packages_configs_are_read_once(monkeypatch):
    seen = []
    monkeypatch.setattr(imports, "_load_once", cache(lambda file: seen.append(file) or load(file)))
    read_config(str(ROOT / "configs/segmentation/fcn-r50_bsam.py"), {})
    assert len(seen) == len(set(seen)) > 40 and utils.load is load
