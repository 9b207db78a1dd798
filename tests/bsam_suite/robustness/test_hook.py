"""Values that RobustnessHook refuses."""

import pytest

from bsam_suite.errors import InputError
from bsam_suite.robustness import RobustnessHook


@pytest.mark.parametrize(
    "given, message",
    [
        (dict(weights=[0.1, -0.1]), r"weights=\[0.1, -0.1\]: give a list .* 0 or more"),
        (dict(weights=0.1), "weights=0.1: give a list"),
        (dict(weights=[float("nan")]), r"weights=\[nan\]: give a list"),
        (dict(corruptions=["blur"]), r"corruptions=\['blur'\]: give a dict"),
        (dict(corruptions=dict(blurr=[0.1])), "corruptions has 'blurr': did you mean 'blur'"),
        (dict(corruptions=dict(noise=[2])), r"noise=\[2\]: give a list .* from 0 to 1"),
        (dict(corruptions=dict(noise=[True])), r"noise=\[True\]: give a list .* from 0 to 1"),
        (dict(draws=0), "draws=0: give a whole number from 1"),
        (dict(seed=0.5), "seed=0.5: give a whole number from 0"),
    ],
)
def test_values_that_make_no_sense(given, message):
    with pytest.raises(InputError, match=f"RobustnessHook: {message}"):
        RobustnessHook(**given)
