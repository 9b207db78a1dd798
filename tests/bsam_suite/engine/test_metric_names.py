"""A metric that no evaluator gives is refused: before training, or at the first validation."""

from types import SimpleNamespace

import pytest
from mmengine.hooks import CheckpointHook, EarlyStoppingHook

from bsam_suite.engine.curves import CurvesHook
from bsam_suite.engine.metric_names import MetricNamesHook
from bsam_suite.errors import InputError
from tasks.classification.metrics import TopAccuracy


def runner(metric, *hooks):
    evaluator = SimpleNamespace(metrics=[metric])
    return SimpleNamespace(val_loop=SimpleNamespace(evaluator=evaluator), hooks=hooks)


OTHER = SimpleNamespace(prefix="coco")


@pytest.mark.parametrize(
    ("metric", "hook", "words"),
    [
        (TopAccuracy(), CurvesHook("acuracy"), "metric of CurvesHook|'acuracy'|'accuracy'"),
        (TopAccuracy(prefix="val"), CurvesHook("accuracy"), "'accuracy'|'val/accuracy'"),
        (OTHER, CurvesHook("cocoo/AP"), "'cocoo'|'coco'"),
        (
            TopAccuracy(),
            CheckpointHook(save_best="accuracy_top6", rule="greater"),
            "save_best of CheckpointHook|'accuracy_top6'|'accuracy_top5'",
        ),
    ],
)
def test_what_is_known_before_training(metric, hook, words):
    with pytest.raises(InputError) as caught:
        MetricNamesHook().before_train(runner(metric, hook))
    assert not [word for word in words.split("|") if word not in str(caught.value)], caught.value


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        (CurvesHook("coco/APP"), "'coco/APP'|'coco/AP'"),
        (EarlyStoppingHook("coco/Ap", rule="greater"), "monitor|'coco/Ap'|'coco/AP'"),
        (CheckpointHook(save_best=["coco/AP", "coco/AZ"], rule="greater"), "'coco/AZ'"),
    ],
)
def test_the_rest_at_the_first_validation(hook, words):
    check, run = MetricNamesHook(), runner(OTHER, hook)
    check.before_train(run)
    with pytest.raises(InputError) as caught:
        check.after_val_epoch(run, {"coco/AP": 0.5, "coco/AR": 0.6})
    assert not [word for word in words.split("|") if word not in str(caught.value)], caught.value


def test_right_names_pass():
    hooks = CurvesHook("accuracy"), CheckpointHook(save_best="auto"), CheckpointHook()
    check, run = MetricNamesHook(), runner(TopAccuracy(), *hooks)
    check.before_train(run)
    check.after_val_epoch(run, {"accuracy": 0.5})
    check.before_train(SimpleNamespace(val_loop=None, hooks=hooks))  # --no-validate
