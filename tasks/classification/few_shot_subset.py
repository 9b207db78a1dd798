"""A few labelled images of each class (few-shot learning)."""

from __future__ import annotations

import numpy as np
from mmengine.registry import DATASETS

from bsam_suite.errors import InputError
from tasks.classification.image_dataset import ImageDataset


@DATASETS.register_module(name="FewShotSubset")
def few_shot_subset(dataset: dict, per_class: int, seed: int = 0) -> ImageDataset:
    """At most ``per_class`` images of each class of a data set, drawn at random.

    Args:
        dataset: config of an ``ImageDataset`` data set.
        per_class: number of images of each class, at least 1.
        seed: of the random choice.

    Raises:
        InputError: ``per_class`` is less than 1.
    """
    if per_class < 1:
        raise InputError(f"per_class={per_class} of FewShotSubset: give at least 1")
    data: ImageDataset = DATASETS.build(dataset)
    order = np.random.default_rng(seed).permutation(len(data))
    labels = data.labels.numpy()[order]
    kept = [order[labels == c][:per_class] for c in range(len(data.classes))]
    kept = np.sort(np.concatenate(kept))
    data.images, data.labels = data.images[kept], data.labels[kept]
    return data
