"""Label noise and few labels, and the accuracy that they are judged by."""

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS, METRICS
from sklearn.metrics import top_k_accuracy_score

from bsam_suite.errors import InputError
from tasks.classification import register_all  # noqa: F401

DIGITS = dict(type="Digits", split="train", size=8)


def build(**config):
    return DATASETS.build(dict(dataset=DIGITS, **config))


def test_noise_has_the_rate_and_spreads_evenly():
    clean, noisy = DATASETS.build(DIGITS), build(type="LabelNoise", rate=0.4, seed=1)
    wrong = noisy.labels != clean.labels
    assert wrong.sum() == round(0.4 * len(clean))
    assert torch.equal(noisy.images, clean.images) and noisy.classes == clean.classes
    # Over all labels wrong, each of the nine other classes is equally likely.
    all_wrong = build(type="LabelNoise", rate=1.0).labels
    shift = ((all_wrong - clean.labels) % 10).bincount(minlength=10)
    assert shift[0] == 0
    expected = len(clean) / 9
    assert ((shift[1:] - expected) ** 2 / expected).sum() < 26.1  # chi-squared, 8 degrees, 0.1%
    # No digit is spared: 40% of each, give or take three standard deviations of 12 draws.
    for digit in range(10):
        assert abs(wrong[clean.labels == digit].float().mean() - 0.4) < 0.13
    assert abs(wrong[:700].float().mean() - 0.4) < 0.06  # nor are the last images of the set


def test_noise_depends_on_its_seed_only():
    one = build(type="LabelNoise", rate=0.4, seed=1).labels
    torch.manual_seed(9)
    np.random.seed(9)
    assert torch.equal(one, build(type="LabelNoise", rate=0.4, seed=1).labels)
    assert not torch.equal(one, build(type="LabelNoise", rate=0.4, seed=2).labels)
    assert torch.equal(build(type="LabelNoise", rate=0.0).labels, DATASETS.build(DIGITS).labels)


@pytest.mark.parametrize("rate", [-0.1, 1.5, 40])
def test_rates_outside_of_0_to_1_are_refused(rate):
    with pytest.raises(InputError, match=f"rate={rate} of LabelNoise: give a share from 0"):
        build(type="LabelNoise", rate=rate)


def test_few_labels_keeps_as_many_of_each_class():
    full, few = DATASETS.build(DIGITS), build(type="FewShotSubset", per_class=7, seed=1)
    assert few.labels.bincount().tolist() == [7] * 10
    pairs = {(*i.flatten().tolist(), int(y)) for i, y in zip(full.images, full.labels)}
    assert all((*i.flatten().tolist(), int(y)) in pairs for i, y in zip(few.images, few.labels))
    assert not torch.equal(few.images, build(type="FewShotSubset", per_class=7, seed=2).images)
    assert len(build(type="FewShotSubset", per_class=10**6)) == len(full)
    with pytest.raises(InputError, match="per_class=0"):
        build(type="FewShotSubset", per_class=0)


def test_those_that_are_skipped_are_the_ones_of_the_other_subset():
    def images(**kwargs):
        few = build(type="FewShotSubset", seed=1, **kwargs)
        return [(*i.flatten().tolist(), int(y)) for i, y in zip(few.images, few.labels)]

    first, others, both = images(per_class=7), images(per_class=5, skip=7), images(per_class=12)
    assert len(others) == 50 and sorted(first + others) == sorted(both)
    for skip in (-1, 10**6):
        with pytest.raises(InputError, match=f"skip={skip} of FewShotSubset: a class has 1.. im"):
            images(per_class=7, skip=skip)


def evaluate(scores, labels):
    metric = METRICS.build(dict(type="TopAccuracy"))
    samples = [dict(scores=torch.tensor(s), label=int(y)) for s, y in zip(scores, labels)]
    metric.process({}, samples[:30])
    metric.process({}, samples[30:])
    return metric.evaluate(len(samples))


def test_accuracy_is_scikit_learns():
    rng = np.random.default_rng(0)
    scores, labels = rng.random((100, 8)), rng.integers(0, 8, 100)
    ours = evaluate(scores, labels)
    for k, name in ((1, "accuracy"), (5, "accuracy_top5")):
        assert ours[name] == pytest.approx(top_k_accuracy_score(labels, scores, k=k))
    assert list(evaluate(scores[:, :3], labels % 3)) == ["accuracy"]
    # A network that has nothing to say is not always right.
    for value in (0.0, np.nan):
        assert evaluate(np.full((100, 8), value), labels)["accuracy"] < 0.3
