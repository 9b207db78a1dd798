"""What is refused before anything is loaded, and where results go."""

import pytest

from bsam_suite.errors import InputError
from tasks.quantization.evaluate.request import Request


@pytest.mark.parametrize(
    "given, said",
    [
        (dict(bits=[4, 1]), "--bits 1: give whole numbers from 2 to 8"),
        (dict(bits=[9]), "--bits 9"),
        (dict(weight_type="LQS"), "--weight-type LQS: .* LSQ,"),
        (dict(weight_type="PACT"), "--weight-type PACT: no quantizer for weights"),
        (dict(activation_type="DoReFaWeight"), "--activation-type DoReFaWeight: .*PACT"),
        (dict(calibration_batches=0), "--calibration-batches 0"),
        (dict(rounding="up"), "--rounding up: give one of nearest, learned"),
        (dict(rounding_steps=0), "--rounding-steps 0: give a number from 1"),
    ],
)
def test_unusable(given, said):
    with pytest.raises(InputError, match=said):
        Request("config.py", "checkpoint.pth", **given)


def test_a_width_given_twice_is_evaluated_once():
    assert Request("config.py", "checkpoint.pth", bits=[4, 8, 4]).bits == [4, 8]
