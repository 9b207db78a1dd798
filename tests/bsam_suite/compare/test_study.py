"""Studies: what is tuned, on what, and what is tested with it."""

import pytest

from bsam_suite.errors import InputError

STUDY = """
cells = [
    dict(name="clean", config="CONFIG"),
    dict(name="noisy", config="CONFIG", options={"model.rate": 0.4}, choices_of="clean", seeds=1),
]
rates = {"optim_wrapper.optimizer.lr": [0.1, 0.3]}
methods = dict(
    sgd=dict(tune=rates),
    longer=dict(epochs=3, choice_of="sgd"),
    SAM=dict(rule="sam", tune=dict(rho=[0.05, 0.1])),
    ASAM=dict(rule="asam", choice_of="SAM", hooks=[dict(type="EMAHook")]),
    wider=dict(rule="asam", settings=dict(rho=1.0, eta=0.1), choice_of="SAM"),
    default=dict(rule="bsam"),
)
metric = "accuracy"
trials = 2
seeds = 2
hooks = [dict(type="IterTimerHook")]
"""


@pytest.fixture
def study(tmp_path, compared, monkeypatch):
    """The file of a study of two cells."""
    monkeypatch.setattr("bsam_suite.compare.stages.preflight", lambda cfg: None)
    (tmp_path / "study.py").write_text(STUDY.replace("CONFIG", str(tmp_path / "config.py")))
    data = "data = dict(dataset=dict(type='Whole'), batch_size=1)\nmetric = dict(type='Metric')\n"
    loaders = "train_dataloader = val_dataloader = data\nval_evaluator = metric\n"
    test = (
        "test_dataloader = dict(dataset=dict(type='Whole', split='test'))\ntest_evaluator = metric"
    )
    with (tmp_path / "config.py").open("a") as file:
        file.write(data + loaders + test)
    return tmp_path / "study.py"


def test_a_study_tunes_on_other_data_where_it_names_them(compared, study, config_of):
    other = "{'val_dataloader.dataset': dict(type='Other', _delete_=True)}"
    study.write_text(study.read_text() + f"validation = {other}\n")
    for run in compared("study.py"):
        cfg = config_of(run)
        tuned = run.part == "tuning"
        assert cfg.train_dataloader.dataset == dict(type="Whole")
        assert cfg.val_dataloader.dataset.type == ("Other" if tuned else "Whole")
        assert cfg.val_dataloader.dataset.get("split") == (None if tuned else "test")


def test_a_study_tunes_on_held_out_data_and_tests_fresh_seeds(compared, study, config_of, record):
    tuning = compared("study.py")
    assert [run.name for run in tuning if run.part == "tuning"] == [
        f"clean, {method} {value}, tuning, seed={seed}"
        for method, values in (("sgd", ("lr=0.1", "lr=0.3")), ("SAM", ("rho=0.05", "rho=0.1")))
        for value in values
        for seed in (0, 1)
    ]
    # What is not tuned waits for nothing.
    assert {run.method for run in tuning if run.part == "test"} == {"default"}
    for run in tuning:
        if run.part == "tuning":
            cfg = config_of(run)
            train, val = cfg.train_dataloader.dataset, cfg.val_dataloader.dataset
            assert (train.type, train.held_out) == ("Part", False)
            assert (val.type, val.held_out) == ("Part", True)
            assert train.dataset == val.dataset == dict(type="Whole")
            assert train.share == val.share == 0.2
            assert not cfg.get("custom_hooks")
            good = run.chosen in ({"optim_wrapper.optimizer.lr": 0.3}, dict(rho=0.05))
            record(run, 0.6, 0.5 + 0.1 * good + run.seed / 100)
    runs = [run for run in compared("study.py") if run.part == "test"]
    names = [run.name for run in runs]
    assert names == [
        "clean, sgd lr=0.3, seed=2",
        "clean, longer lr=0.3, seed=2",
        "clean, SAM rho=0.05, seed=2",
        "clean, ASAM rho=0.05, seed=2",
        "clean, wider, seed=2",
        "clean, default, seed=2",
        "noisy, sgd lr=0.3, seed=2",
        "noisy, longer lr=0.3, seed=2",
        "noisy, SAM rho=0.05, seed=2",
        "noisy, ASAM rho=0.05, seed=2",
        "noisy, wider, seed=2",
        "noisy, default, seed=2",
        *(name.replace("seed=2", "seed=3") for name in names[:6]),
    ]
    longer, asam = config_of(runs[1]), config_of(runs[9])
    assert longer.train_cfg.max_epochs == 12 and longer.optim_wrapper.optimizer.lr == 0.3
    assert asam.optim_wrapper.rule == dict(type="ASAM", rho=0.05) and asam.model.rate == 0.4
    assert [hook.type for hook in asam.custom_hooks] == ["EMAHook", "IterTimerHook"]
    assert config_of(runs[4]).optim_wrapper.rule == dict(type="ASAM", rho=1.0, eta=0.1)
    for run in runs:
        cfg = config_of(run)
        assert cfg.train_dataloader.dataset == dict(type="Whole")
        assert cfg.val_dataloader.dataset == dict(type="Whole", split="test")


def test_a_record_of_another_config_does_not_count(compared, study, record):
    for _ in ("tuning", "test"):
        for run in compared("study.py"):
            record(run, 0.5)
    assert all(run.done for run in compared("study.py"))
    text = (study.parent / "config.py").read_text()
    (study.parent / "config.py").write_text(text.replace("bits=4", "bits=3"))
    assert not any(run.done for run in compared("study.py"))
    (study.parent / "config.py").write_text(f"{text}\nwork_dir = 'elsewhere'")
    assert any(run.done for run in compared("study.py"))


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("seeds = 2", "seeds = two", r"study.py cannot be read: .*two.* \(NameError\)"),
        ("seeds = 2", "sedes = 2", "sedes in .*study.py.*did you mean 'seeds'"),
        ("seeds = 2", "seeds = 0", "seeds=0 of .*: give a number from 1"),
        ("seeds = 2", "tuning_seeds = 0", "tuning_seeds=0 .*: give a number from 1"),
        ("seeds = 2", "validation = 1.5", "validation=1.5 .*: give a share"),
        ("seeds = 2", "sampler = 'dice'", "sampler='dice' .*: give 'grid' or 'optuna'"),
        ("trials = 2", "trials = 3", "method 'sgd' .* 2 combinations .* trials=3"),
        ('rule="sam"', 'rul="sam"', "'rul' in method 'SAM'.*did you mean 'rule'"),
        ('rule="sam"', 'rule="sma"', "method 'SAM': sma: there is no such rule"),
        ('name="noisy"', 'name="clean"', "two have the same name"),
        ('choices_of="clean"', 'choices_of="dirty"', "choices_of='dirty' .* tuned"),
        ('choice_of="SAM"', 'choice_of="SAN"', "takes what is chosen for 'SAN', which is not"),
        ("seeds=1)", "metric='AP')", "metric='AP' of cells.1. .*, but 'accuracy'"),
        ("seeds=1)", "methods=['adam'])", "method 'adam' of cells.1. .*: there is no such one"),
        ("[0.05, 0.1]", "(0.05, 0.1)", "tune rho=.0.05, 0.1. .*: give a list"),
        ('metric = "accuracy"', "metric = None", "metric=None in .*: say by which"),
        ("seeds = 2", "cells = 5", "cells=5 of .*study.py: give a list of dicts"),
        ("seeds = 2", "cells = []", r"cells=\[\] of .*: give a list of dicts, one or more"),
        ("seeds = 2", "methods = [1]", r"methods=\[1\] of .*: give a dict of dicts"),
        ("seeds = 2", "options = {'a..b': 1}", "options=.* of .*: give a dict of values by name"),
        ("seeds = 2", "trials = 'many'", "trials='many' of .*: give a number from 0"),
        ("seeds = 2", "validation = float('nan')", "validation=nan of .*: give a share"),
        ("seeds = 2", "higher = 1", "higher=1 of .*: give True or False"),
        ('rule="sam"', "rule=[]", r"rule=\[\] of method 'SAM' in .*: give text"),
        ('rule="sam"', "epochs=10**400", "epochs=1000.* of method 'SAM' in .*: give a number"),
        ("tune=rates", "tune={'rho': []}", "tune=.* of method 'sgd' in .*: give a dict of lists"),
        ("seeds=1)", "methods=5)", "methods=5 of cells.1. in .*: give a list of names"),
        (
            'config="CONFIG"',
            f"config={'x' * 5000!r}",
            "config=x* of cell 'clean' .* does not exist",
        ),
        ('config="CONFIG"', 'config="CONFIG.no"', "config=.*no of cell 'clean' .* does not exist"),
    ],
)
def test_what_is_wrong_with_a_study_is_said_first(compared, study, tmp_path, old, new, message):
    old, new = (text.replace("CONFIG", str(tmp_path / "config.py")) for text in (old, new))
    assert old in study.read_text()
    study.write_text(study.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        compared("study.py")
    assert not (tmp_path / "out/runs").exists()


def test_options_that_a_study_says_itself_are_refused(compared, study):
    with pytest.raises(InputError, match="study.py is a study.*: omit --seeds"):
        compared("study.py", seeds=3)
