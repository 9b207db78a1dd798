"""docs/method.md: what it says of small radii holds, and it lists every rule with its passes."""

import re
from pathlib import Path

import torch

from bsam_suite.engine import RULES
from bsam_suite.optim import SharpnessOptimizer

PAGE = (Path(__file__).parents[2] / "docs" / "method.md").read_text()


def test_the_remainder_falls_with_the_square_of_the_radii():
    names = {}
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], names)
    first, second, third = names["remainders"]
    assert 3.6 < first / second < 4.4 and 3.6 < second / third < 4.4
    # What is added is no small part of the step: the statement would not hold of g alone.
    g, u, H = names["g"], names["u"], names["H"]
    assert (0.02 * (H @ u - (u @ H @ u) * u)).norm() > 10 * third
    assert abs(g @ (H @ u - (u @ H @ u) * u)) < 1e-12


def test_every_rule_is_listed_with_its_passes():
    listed = dict(re.findall(r"^\| `(\w+)` \|.* \| (\d(?:\.\d| \+ 1/k)?) \|", PAGE, re.M))
    ours = {n for n, r in RULES.module_dict.items() if r.__module__.startswith("bsam_suite.")}
    assert set(listed) == ours
    for name, passes in listed.items():
        weight, rule = torch.nn.Parameter(torch.tensor([3.0, 4.0])), RULES.build(dict(type=name))
        optimizer = SharpnessOptimizer([weight], torch.optim.SGD, rule, lr=0, momentum=0.9)
        calls = []

        def closure(weight=weight, optimizer=optimizer, calls=calls):
            optimizer.zero_grad()
            calls.append(weight.detach().clone())
            loss = weight.square().sum()
            loss.backward()
            return loss

        steps = rule.k or 1
        for _ in range(steps):
            optimizer.step(closure, auxiliary=closure if rule.auxiliary else None)
        first, *rest = passes.split(" + ")
        assert optimizer.passes_per_step * steps == float(first) * steps + len(rest)
        assert len(calls) == (3 if rule.auxiliary else int(first) * steps + len(rest))
        assert (rule.k is not None) == bool(rest)
