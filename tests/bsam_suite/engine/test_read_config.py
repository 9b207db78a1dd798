"""Which file is read in the place of another, and that an option has the last word."""

import pytest
from mmengine.config import Config
from mmengine.registry import FUNCTIONS

from bsam_suite.engine.config import load_config
from bsam_suite.engine.resolve import workers
from bsam_suite.errors import InputError
from bsam_suite.options import Typed


@pytest.fixture
def configs(tmp_path, monkeypatch):
    """A leaf on a base on a root; base and root are replaced by data of their own kinds."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "configs"
    (folder / "data").mkdir(parents=True)
    texts = {
        "leaf.py": "_base_ = './base.py'\nrule = 1\n",
        "base.py": "_base_ = './data/root.py'\nnet = 'own'\n"
        "replaced_by = [dict(option='data_root', holds='b*', config='./data/of_base.py')]\n",
        "data/root.py": "data_root = 'nowhere'\nnet = read = 'root'\nreplaced_by = [\n"
        "    dict(option='data_root', holds='a?', config='of_root.py'),\n"
        "    dict(option='data_root', holds='file', config='of_root.py'),\n"
        "    dict(option='data_root', found='found/here', config='any.py'),\n"
        "    dict(option='other'),\n]\n",
        "data/of_base.py": "data_root = 'x'\nread = 'of_base'\n",
        "data/of_root.py": "data_root = 'x'\nnet = 'y'\nread = 'of_root'\n",
        "data/any.py": "data_root = 'found/here'\nread = 'any'\nreplaced_by = []\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    for place in ("a/a1", "b/b", "c/a12"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "c/file").touch()
    return folder


@pytest.mark.parametrize(
    ("options", "read", "net"),
    [
        ({}, "root", "own"),
        (dict(data_root="a"), "of_root", "own"),
        (dict(data_root="b"), "of_base", None),
        (dict(data_root="c"), "any", "own"),
        (dict(data_root=Typed("~/c")), "any", "own"),
    ],
)
def test_data_replace_the_file_that_says_so(configs, monkeypatch, options, read, net):
    monkeypatch.setenv("HOME", str(configs.parent))
    cfg = load_config(str(configs / "leaf.py"), options)
    assert (cfg.read, cfg.get("net"), cfg.rule) == (read, net, 1)
    assert "replaced_by" not in cfg
    root = options.get("data_root", "nowhere")
    assert cfg.data_root == (str(configs.parent / "c") if root == "~/c" else root)


def test_data_may_be_found(configs):
    (configs.parent / "found/here").mkdir(parents=True)
    cfg = load_config(str(configs / "leaf.py"))
    assert (cfg.read, cfg.data_root) == ("any", "found/here")


def test_an_option_may_name_the_config(configs):
    own = configs.parent / "own.py"
    own.write_text("read = 'own'\nother = 1\n")
    assert load_config(str(configs / "leaf.py"), dict(other="own.py")).read == "own"
    with pytest.raises(InputError, match=r"other=none\.py"):
        load_config(str(configs / "leaf.py"), dict(other="none.py"))


def test_mmengine_reads_what_nothing_replaces(configs):
    (configs.parent / "found/here").mkdir(parents=True)
    assert Config.fromfile(configs / "leaf.py").read == "root"
    load_config(str(configs / "leaf.py"))
    assert Config.fromfile(configs / "leaf.py").read == "root"


def test_a_misspelt_field_is_named(configs):
    (configs / "bad.py").write_text("replaced_by = [dict(option='data_root', hold='a')]")
    with pytest.raises(InputError, match=r"bad\.py.*'hold'.*'holds'"):
        load_config(str(configs / "bad.py"))


@FUNCTIONS.register_module()
def resolve_both(cfg):
    cfg.a, cfg.b = 7, 7


def test_an_option_has_the_last_word(tmp_path):
    (tmp_path / "a.py").write_text("a = b = 1\nresolve = [dict(type='resolve_both')]\n")
    cfg = load_config(str(tmp_path / "a.py"), dict(a=5))
    assert (cfg.a, cfg.b) == (5, 7)


def test_workers_are_counted_once(tmp_path):
    """A run that is repeated from the config in its folder has the same."""
    (tmp_path / "a.py").write_text(
        "train_dataloader = dict(num_workers=0)\nval_dataloader = dict(num_workers=0)\n"
        "resolve = [dict(type='workers_by_cores')]\n"
    )
    cfg = load_config(str(tmp_path / "a.py"), {"train_dataloader.num_workers": 31})
    cfg.dump(tmp_path / "again.py")
    for one in (cfg, load_config(str(tmp_path / "again.py"))):
        assert one.train_dataloader.num_workers == 31
        assert one.val_dataloader.num_workers == workers()


@pytest.mark.parametrize(("epochs", "left"), [(1, 1), (2, 2)])
def test_schedules_that_would_begin_after_the_training_are_left_out(tmp_path, epochs, left):
    (tmp_path / "a.py").write_text(
        "train_cfg = dict(max_epochs=8)\nresolve = [dict(type='drop_late_schedules')]\n"
        "param_scheduler = [dict(type='LinearLR', end=1), dict(type='CosineAnnealingLR', begin=1)]"
    )
    cfg = load_config(str(tmp_path / "a.py"), {"train_cfg.max_epochs": epochs})
    assert [s.type for s in cfg.param_scheduler] == ["LinearLR", "CosineAnnealingLR"][:left]
