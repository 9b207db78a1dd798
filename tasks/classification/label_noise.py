"""Label noise: wrong labels on purpose."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.registry import DATASETS

from bsam_suite.errors import InputError
from tasks.classification.image_dataset import ImageDataset


@DATASETS.register_module(name="LabelNoise")
def label_noise(dataset: dict, rate: float, seed: int = 0) -> ImageDataset:
    """A data set with symmetric label noise: a share of the labels is wrong.

    Exactly ``round(rate * N)`` random images get the label of another class. All other classes are
    equally likely. With a rate of ``(C - 1) / C`` the labels have no information.

    Args:
        dataset: config of an ``ImageDataset`` data set with at least two classes.
        rate: share of wrong labels, 0 to 1.
        seed: of the random choice; the same images get the same labels in every run.

    Raises:
        InputError: the rate is not between 0 and 1, or there is only one class.
    """
    if not 0 <= rate <= 1:
        raise InputError(
            f"rate={rate} of LabelNoise: give a share from 0 (no noise) to 1 (all labels wrong)"
        )
    data: ImageDataset = DATASETS.build(dataset)
    rng, classes = np.random.default_rng(seed), len(data.classes)
    if classes < 2 and rate > 0:
        raise InputError(f"rate={rate} of LabelNoise: {dataset} has only one class")
    wrong = torch.from_numpy(rng.permutation(len(data))[: round(rate * len(data))])
    if len(wrong):
        shift = torch.from_numpy(rng.integers(1, classes, len(wrong)))
        data.labels[wrong] = (data.labels[wrong] + shift) % classes
    return data
