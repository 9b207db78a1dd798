"""Calibration against numbers computed by hand and torchmetrics."""

import math

import pytest
import torch
from torch.nn import functional as F
from torchmetrics.functional.classification import multiclass_calibration_error

from bsam_suite.robustness.calibration import (
    Calibration,
    expected_calibration_error,
    negative_log_likelihood,
)


def test_a_case_computed_by_hand():
    # Bins of a tenth: (0.8, 0.9] has 0.9, right, and 0.85, wrong; (0.5, 0.6] has 0.6, wrong.
    probabilities = torch.tensor([[0.9, 0.1], [0.15, 0.85], [0.6, 0.4]], dtype=torch.float64)
    labels = torch.tensor([0, 0, 1])
    gaps = 2 / 3 * abs(0.5 - 0.875) + 1 / 3 * abs(0 - 0.6)
    assert expected_calibration_error(probabilities, labels, bins=10) == pytest.approx(gaps)
    logs = [math.log(p) for p in (0.9, 0.15, 0.4)]
    assert negative_log_likelihood(probabilities, labels) == pytest.approx(-sum(logs) / 3)


def test_sure_and_right_or_wrong():
    sure = torch.eye(3)
    right, wrong = torch.arange(3), torch.tensor([1, 2, 0])
    assert expected_calibration_error(sure, right) == 0
    assert expected_calibration_error(sure, wrong) == 1
    assert negative_log_likelihood(sure, right) == 0
    assert negative_log_likelihood(sure, wrong) == pytest.approx(87.3365, abs=1e-4)


def test_random_cases():
    for scale in (0.5, 2, 6):
        logits = scale * torch.randn(500, 7)
        labels = torch.where(torch.rand(500) < 0.5, logits.argmax(1), torch.randint(7, (500,)))
        found = expected_calibration_error(logits.softmax(1), labels)
        wanted = multiclass_calibration_error(logits.softmax(1), labels, 7, n_bins=15)
        assert 0.02 < found == pytest.approx(wanted.item(), abs=1e-6)
        wanted = F.cross_entropy(logits, labels).item()
        assert negative_log_likelihood(logits.softmax(1), labels) == pytest.approx(wanted, rel=1e-5)


def test_the_metric_gathers_batches():
    scores, labels = torch.randn(10, 4).softmax(1), torch.randint(4, (10,))
    metric = Calibration()
    for part in (slice(6), slice(6, 10)):
        metric.process(
            None, [dict(scores=s, label=y) for s, y in zip(scores[part], labels[part].tolist())]
        )
    assert metric.evaluate(10) == dict(
        ece=expected_calibration_error(scores, labels),
        nll=negative_log_likelihood(scores, labels),
    )
