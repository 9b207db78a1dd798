"""What is tried, and what is chosen, on cases worked out by hand."""

import math

import pytest

from bsam_suite.compare.study import Method
from bsam_suite.compare.tuning import Trial, choose, next_settings

LR = "optim_wrapper.optimizer.lr"


def test_a_grid_is_tried_at_once():
    method = Method("sam", tune={LR: [0.1, 0.2], "rho": [0.05, 0.1]})
    tried = next_settings(method, "grid", 4, [], True)
    assert tried == [{LR: lr, "rho": rho} for lr in (0.1, 0.2) for rho in (0.05, 0.1)]
    together = Method("bsam", tune=dict(radius=[dict(rho=r, rho_min=r / 2) for r in (0.2, 0.4)]))
    tried_together = next_settings(together, "grid", 2, [], True)
    assert tried_together == [dict(rho=0.2, rho_min=0.1), dict(rho=0.4, rho_min=0.2)]
    assert next_settings(method, "grid", 4, [Trial(s, {1: 0.5}) for s in tried], True) == []


@pytest.mark.parametrize("higher", [True, False])
def test_the_best_last_epoch_is_chosen_and_its_best_one_known(higher):
    sign = 1 if higher else -1
    curves = [{2: 9, 4: 3}, {2: 5, 4: 4}, {}, {2: 1, 4: 2}]
    tried = [
        Trial(dict(rho=rho), {epoch: sign * value for epoch, value in curve.items()})
        for rho, curve in zip((0.1, 0.2, 0.3, 0.4), curves)
    ]
    method = Method("sam", tune=dict(rho=[0.1, 0.2, 0.3, 0.4]))
    choice = choose("", method, tried, higher)
    assert (choice.settings, choice.epoch, choice.edges) == (dict(rho=0.2), 2, [])
    assert choose("", method, tried[2:3], higher) is None


def test_of_settings_that_go_together_each_has_its_edges():
    """A cross in the plane of radius and learning rate: its middle alone is no edge."""
    points = [(0.1, 0.2), (0.05, 0.2), (0.2, 0.2), (0.1, 0.1), (0.1, 0.4)]
    cross = [{"rho": rho, "rho_min": 0.0, LR: lr} for rho, lr in points]
    method = Method("bsam", tune=dict(cross=cross))
    for settings, edges in zip(cross, ([], ["rho"], ["rho"], [LR], [LR])):
        assert choose("", method, [Trial(settings, {1: 0.5})], True).edges == edges


@pytest.mark.parametrize(
    "values, chosen, at_edge",
    [
        ([0.1, 0.2, 0.3], 0.1, True),
        ([0.3, 0.1, 0.2], 0.3, True),
        ([0.3, 0.1, 0.2], 0.2, False),
        ([0.0, 0.1], 0.0, False),  # there is nothing below
        ([0.1], 0.1, False),  # not tuned
        ([True, False], True, False),
        (["a", "b"], "a", False),
        ((0.01, 1.0), 0.015, True),  # in the lowest tenth
        ((0.01, 1.0), 0.8, True),
        ((0.01, 1.0), 0.1, False),
    ],
)
def test_edges(values, chosen, at_edge):
    method = Method("sam", tune=dict(x=values))
    choice = choose("", method, [Trial(dict(x=chosen), {1: 0.5})], True)
    assert choice.edges == (["x"] if at_edge else [])


def test_optuna_finds_what_a_grid_would_and_repeats_itself():
    """The best of 12 suggestions lies near the optimum; a study that goes on asks the same."""
    pair = [{LR: 0.1, "decay": 0.3}, {LR: 0.2, "decay": 0.4}]
    method = Method("sam", tune={"rho": (0.01, 1.0), "pair": pair})

    def score(settings):
        return -abs(math.log(settings["rho"] / 0.1)) - (settings[LR] != 0.2)

    tried = []
    for _ in range(12):
        (new,) = next_settings(method, "optuna", 12, tried, True)
        assert next_settings(method, "optuna", 12, tried, True) == [new]
        curve = {} if new["rho"] > 0.9 else {1: score(new)}
        tried.append(Trial(new, curve))
    assert next_settings(method, "optuna", 12, tried, True) == []
    assert len({trial.settings["rho"] for trial in tried}) == 12
    best = choose("", method, tried, True).settings
    assert best[LR] == 0.2 and best["decay"] == 0.4 and 0.03 < best["rho"] < 0.3
