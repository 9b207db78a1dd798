"""What is typed as KEY=VALUE means what the field takes; MMEngine's parser is the yardstick."""

import argparse
import shlex
from types import SimpleNamespace

import pytest
from mmengine.config import DictAction

from bsam_suite.engine.config import load_config
from bsam_suite.engine.summary import summarize
from bsam_suite.errors import InputError
from bsam_suite.options import KeyValues, Typed, meaning


def parse(action, *words):
    parser = argparse.ArgumentParser()
    parser.add_argument("--cfg-options", nargs="+", action=action)
    return parser.parse_args(["--cfg-options", *words]).cfg_options


@pytest.mark.parametrize(
    "text",
    ["1", "-3", "1e-3", "True", "false", "None", "word", "1,2,3", "a,b", "[1,2]", "[]", "(1)"]
    + ["[(1,2),[a,b],c]", "(0.9,0.999)", "[[1,2],[3,4]]", '"[1,2]"', "1,[2,(3,4)]", "x=y", ""],
)
def test_values_are_read_as_mmengine_reads_them(text):
    theirs = parse(DictAction, f"a.b={text}")["a.b"]
    ours = meaning(parse(KeyValues, f"a.b={text}")["a.b"])
    assert ours == theirs and type(ours) is type(theirs)


def test_spaces_in_words_stay():
    assert meaning(Typed("[a b, c]")) == ["a b", "c"]
    assert meaning(Typed("two words")) == "two words"


TEXTS = ["/a b/c d", "2017", "1e5", "true", "/data/a,b", "x (1", "[2017]", "1_000", "Bilder ä 日本"]


@pytest.mark.parametrize("text", TEXTS)
def test_text_stays_what_was_typed(text):
    assert meaning(Typed(text), like="data/coco") == text
    assert meaning(Typed(text), kinds=[str]) == text


def test_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me too")
    assert meaning(Typed("~/coco"), like="x") == "/home/me too/coco"
    assert meaning(Typed("~/a,~/b"), like=["x"]) == ["/home/me too/a", "/home/me too/b"]
    assert meaning(Typed("a~b"), like="x") == "a~b"
    assert meaning(Typed("~/coco")) == "/home/me too/coco"


def test_lists_where_lists_are_taken():
    assert meaning(Typed("[a,b]"), "auto", [str, list]) == ["a", "b"]
    assert meaning(Typed("a,b"), "auto", [str, list]) == "a,b"
    assert meaning(Typed("2017,x y"), like=["train"]) == ["2017", "x y"]
    assert meaning(Typed("0.5"), "auto", [str, float]) == 0.5
    assert meaning(Typed("None"), like="data") is None


@pytest.mark.parametrize("text", ["[1,2", "(1,[2)]", "1,2]"])
def test_brackets_that_do_not_match(text):
    with pytest.raises(InputError) as caught:
        meaning(Typed(text))
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("word", ["a", "=1", "a..b=1", "=", ".a=1"])
def test_what_is_no_pair_is_refused_by_the_parser(word, capsys):
    with pytest.raises(SystemExit):
        parse(KeyValues, word)
    assert repr(word) in capsys.readouterr().err


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.py"
    path.write_text(
        "data_root = 'data/x'\n"
        "size = 3\n"
        "people = dict(train=10, names=['a'], flip=True)\n"
        "model = dict(type='PickyOptionsModel', checkpoint=None, data=data_root + '/y', rate=0.1)\n"
        "betas = (0.9, 0.99)\n"
        "mean = [1.0, 2.0]\n"
        "hooks = [dict(type='X', every=1)]\n"
    )
    return str(path)


def load(config, **options):
    return load_config(config, {name: Typed(value) for name, value in options.items()})


def test_a_config_is_given_what_its_fields_take(config, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    options = {"data_root": "~/20 17", "size": "5", "model.rate": "1e-2", "hooks.0.every": "7"}
    cfg = load(config, **options, **{"people.names": "b,2", "people.flip": "false"})
    assert cfg.data_root == "/home/me/20 17"
    assert cfg.model.data == "/home/me/20 17/y"
    assert (cfg.size, cfg.model.rate, cfg.hooks[0].every) == (5, 0.01, 7)
    assert cfg.people.names == ["b", "2"] and cfg.people.flip is False
    assert load(config, data_root="2017").data_root == "2017"
    assert load(config, **{"mean.1": "5"}).mean == [1.0, 5]
    assert load(config, **{"model.part.size": "5"}).model.part == dict(size=5)
    assert load(config, load_from="2017").load_from == "2017"  # the Runner takes text there
    assert load(config, resume="True").resume is True


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("people.trian", "5", "people.trian|'train'"),
        ("people.train.x", "5", "people.train.x|10|'x'"),
        ("people.flip", "no", "people.flip|'no'|True"),
        ("hooks.1.every", "5", "hooks.1.every|list"),
        ("hooks.x.every", "5", "hooks.x.every|list"),
        ("data_rot", "5", "data_rot|'data_root'"),
        ("betas.0", "0.8", "betas.0|(0.9, 0.99)"),
        ("model.rate", "[1", "model.rate|'[1'"),
    ],
)
def test_options_that_do_not_fit_are_named(config, option, value, words):
    with pytest.raises(InputError) as caught:
        load(config, **{option: value})
    assert not [word for word in words.split("|") if word not in str(caught.value)], caught.value


def test_the_next_command_can_be_pasted(tmp_path, monkeypatch, capsys):
    from mmengine.logging import MessageHub

    folder = tmp_path / "my runs"
    folder.mkdir()
    (folder / "last_checkpoint").write_text(str(folder / "epoch 1.pth"))
    hub = MessageHub("pasted")
    hub.update_scalar("train/time", 1.0)
    runner = SimpleNamespace(
        message_hub=hub, work_dir=str(folder), iter=1, optim_wrapper=SimpleNamespace()
    )
    typed = parse(KeyValues, "data_root=/a b/$HOME", "betas=(0.9,0.99)", "metric=coco/AP .5")
    monkeypatch.chdir(tmp_path)
    summarize(runner, SimpleNamespace(config="my config.py", cfg_options=typed))
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("Next: "))
    words = shlex.split(line.removeprefix("Next: "))
    assert words[1].endswith("tools/test.py")
    assert words[2:4] == ["my config.py", "my runs/epoch 1.pth"]
    assert parse(KeyValues, *words[5:]) == typed


@pytest.mark.parametrize(
    ("text", "value"),
    [("(1,2)3", "(1,2)3"), ("f(1,2),3", ["f(1,2)", 3]), ("[1,f(2,3)]", [1, "f(2,3)"])],
)
def test_commas_in_the_brackets_of_a_word_stay(text, value):
    assert meaning(Typed(text)) == value


@pytest.mark.parametrize("depth", [60, 5000])
def test_too_many_brackets_are_refused(depth):
    with pytest.raises(InputError, match="brackets in each other"):
        meaning(Typed("[" * depth + "]" * depth))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["optim_wrapper=word", "optim_wrapper.optimizer.lr=0.1"], "optim_wrapper.optimizer.lr"),
        (["custom_hooks=[]", "custom_hooks.0.momentum=0.1"], "custom_hooks is a list"),
    ],
)
def test_an_option_may_take_away_what_another_one_changes(options, message):
    config = "configs/pose/hrnet-tiny_bsam_people-128x96.py"
    with pytest.raises(InputError, match=message):
        load_config(config, parse(KeyValues, *options))
