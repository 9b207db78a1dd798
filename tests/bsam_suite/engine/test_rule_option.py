"""``--rule``: any config trains with any rule, and all else of it stays."""

from pathlib import Path

import pytest
from mmengine.config import Config

from bsam_suite.engine import BSAMOptimWrapper
from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.engine.config import load_config
from bsam_suite.engine.rule_option import choose_rule, use_rule
from bsam_suite.errors import InputError
from bsam_suite.options import Typed

SGD = dict(type="SGD", lr=0.1, momentum=0.9)
KEPT = dict(
    optimizer=SGD,
    clip_grad=dict(max_norm=1.0),
    accumulative_counts=2,
    constructor="DefaultOptimWrapperConstructor",
    paramwise_cfg=dict(norm_decay_mult=0.0),
)


class OwnWrapper(BSAMOptimWrapper):
    """Somebody's own."""


def config(param_scheduler=None, **wrapper):
    return Config(dict(optim_wrapper=wrapper, param_scheduler=param_scheduler or []))


def under(name, cfg, **values):
    use_rule(cfg, choose_rule(cfg, name, {k: Typed(v) for k, v in values.items()}, "--rule"))
    check_optim_wrapper(cfg)
    return cfg.optim_wrapper.to_dict()


@pytest.mark.parametrize(
    ("old", "kept"),
    [
        (dict(), dict()),
        (dict(type="OptimWrapper"), dict()),
        (dict(type="BFloat16OptimWrapper"), dict(dtype="bfloat16")),
        (dict(type="AmpOptimWrapper", dtype="bfloat16"), dict(dtype="bfloat16")),
        (dict(type="BSAMOptimWrapper", rho=0.3, rho_min=0.2, start="w"), dict()),
        (dict(type=OwnWrapper, rho=0.3, perturbation="local"), dict(perturbation="local")),
        (
            dict(type="SharpnessOptimWrapper", rule=dict(type="GSAM"), nonfinite="raise"),
            dict(nonfinite="raise"),
        ),
        (
            dict(type="SharpnessOptimWrapper", rule=dict(type="GSAM"), dtype="bfloat16"),
            dict(dtype="bfloat16"),
        ),
    ],
)
def test_only_the_rule_changes(old, kept):
    assert under("SAM", config(**old, **KEPT), rho="0.2") == dict(
        type="SharpnessOptimWrapper", rule=dict(type="SAM", rho=0.2), **kept, **KEPT
    )


@pytest.mark.parametrize(
    ("old", "plain"),
    [
        (dict(), dict()),
        (dict(type="BSAMOptimWrapper", rho=0.3, perturbation="local"), dict(type="OptimWrapper")),
        (dict(type="BSAMOptimWrapper", rho_warmup=5, m=4), dict(type="OptimWrapper")),
        (
            dict(type="SharpnessOptimWrapper", rule=dict(type="SAM"), dtype="bfloat16"),
            dict(type="BFloat16OptimWrapper"),
        ),
    ],
)
def test_none_is_the_optimizer_alone(old, plain):
    assert under("none", config(**old, **KEPT)) == dict(**plain, **KEPT)


def test_float16_stays():
    scaled = dict(dtype="float16", loss_scale=512.0)
    cfg = config(type="AmpOptimWrapper", loss_scale=512.0, **KEPT)
    rule = choose_rule(cfg, "SAM", {}, "--rule")
    use_rule(cfg, rule)
    new = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM"), **scaled, **KEPT)
    assert cfg.optim_wrapper.to_dict() == new
    use_rule(cfg, None)
    assert cfg.optim_wrapper.to_dict() == dict(type="AmpOptimWrapper", **scaled, **KEPT)


def test_the_rule_of_the_config_keeps_what_is_not_given():
    old = dict(type="BSAMOptimWrapper", rho=0.3, rho_min=0.2, **KEPT)
    rule = dict(type="BSAM", rho=0.1, rho_min=0.2)
    assert under("bsam", config(**old), rho="0.1")["rule"] == rule


def test_schedules_of_what_only_the_old_rule_has_go_with_it():
    def schedule(name):
        return dict(type="LinearParamScheduler", param_name=name, start_factor=0.1, end=5)

    schedules = [schedule("lr"), schedule("rho"), schedule("rho_min")]
    for name, stay in (("BSAM", 3), ("SAM", 2), ("none", 1)):
        cfg = config(schedules, type="BSAMOptimWrapper", optimizer=SGD)
        under(name, cfg)
        assert cfg.param_scheduler == schedules[:stay]


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("SMA", {}, "--rule SMA|'SAM'"),
        ("non", {}, "--rule non|'none'"),
        ("SAM", dict(roh="1"), "--rule SAM roh=1|'rho'"),
        ("none", dict(rho="1"), "--rule none rho=1"),
        ("SAM", dict(rho="-1"), "rho=-1"),
        ("SAM", dict(rho="abc"), "rho='abc'"),
    ],
)
def test_what_is_misspelt_is_named(name, values, words):
    with pytest.raises(InputError) as caught:
        under(name, config(optimizer=SGD), **values)
    assert not [word for word in words.split("|") if word not in str(caught.value)], caught.value


@pytest.mark.parametrize(
    ("wrapper", "words"),
    [
        (dict(type="ApexOptimWrapper", optimizer=SGD), "'ApexOptimWrapper'"),
        (dict(type="AmpOptimWraper", optimizer=SGD), "'AmpOptimWraper'|'AmpOptimWrapper'"),
        (dict(a=dict(optimizer=SGD), b=dict(optimizer=SGD)), "optimizer is None"),
        ({}, "optimizer is None"),
    ],
)
def test_other_wrappers_are_refused(wrapper, words):
    with pytest.raises(InputError) as caught:
        under("SAM", config(**wrapper))
    assert not [word for word in words.split("|") if word not in str(caught.value)], caught.value


NAME = "body_2d_keypoint/topdown_heatmap/coco/td-hm_res50_8xb64-210e_coco-256x192.py"


def test_a_config_of_an_installed_package_trains_with_a_rule_and_stays_as_it_is():
    cfg = load_config(f"mmpose::{NAME}", rule=("SAM", {}))
    import mmpose

    theirs = Config.fromfile(Path(mmpose.__file__).parent / ".mim/configs" / NAME)
    optimizer = theirs.optim_wrapper.optimizer.to_dict()
    new = dict(type="SharpnessOptimWrapper", rule=dict(type="SAM"), optimizer=optimizer)
    assert cfg.to_dict() == {**theirs.to_dict(), "optim_wrapper": new}


def test_options_come_after_the_rule(tmp_path):
    text = f"optim_wrapper = dict(type='BSAMOptimWrapper', rho=0.3, optimizer={SGD})"
    (tmp_path / "config.py").write_text(text)
    options = {"optim_wrapper.rule.rho": Typed("0.2")}
    cfg = load_config(str(tmp_path / "config.py"), options, ("SAM", dict(rho=Typed("0.1"))))
    assert cfg.optim_wrapper.rule == dict(type="SAM", rho=0.2)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (f"mmpose::{NAME.replace('res50', 'res5')}", "td-hm_res5_|'|td-hm_res50_"),
        ("no_such_package::x.py", "'no_such_package'"),
    ],
)
def test_configs_that_are_not_there_are_named(name, words):
    with pytest.raises(InputError) as caught:
        load_config(name)
    assert not [word for word in words.split("|") if word not in str(caught.value)], caught.value
