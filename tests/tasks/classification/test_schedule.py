"""The learning rate that falls in steps, whatever the number of epochs."""

import pytest
import torch
from mmengine.registry import PARAM_SCHEDULERS

from tasks.classification import register_all  # noqa: F401


@pytest.mark.parametrize(
    ("steps", "gamma", "end"), [(3, 0.1, 90), (3, 0.1, 10), (3, 0.1, 2), (300, 0.98, 30)]
)
def test_all_steps_are_made(steps, gamma, end):
    weight = torch.nn.Parameter(torch.zeros(1))
    sgd = torch.optim.SGD([weight], 1.0)
    schedule = dict(type="EvenStepLR", optimizer=sgd, steps=steps, gamma=gamma, end=end)
    scheduler = PARAM_SCHEDULERS.build(schedule)
    rates = []
    for _ in range(end):
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step()
    falls = len(set(rates)) - 1
    assert rates[0] == 1 and falls == min(steps, end) - 1
    # Together as far as the steps that the epochs have room for.
    assert rates[-1] == pytest.approx(gamma ** (falls * max(steps / end, 1)))
