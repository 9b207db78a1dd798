"""A few labelled images of each class (few-shot learning)."""

from __future__ import annotations

import numpy as np
from mmengine.registry import DATASETS

from bsam_suite.errors import InputError
from tasks.classification.image_dataset import ImageDataset


@DATASETS.register_module(name="FewShotSubset")
def few_shot_subset(dataset: dict, per_class: int, seed: int = 0, skip: int = 0) -> ImageDataset:
    """At most ``per_class`` images of each class of a data set, drawn at random.

    Args:
        dataset: config of an ``ImageDataset`` data set.
        per_class: number of images of each class, at least 1.
        seed: of the random choice.
        skip: images of each class that come first with this seed and are left out, so that two
            subsets have none in common.

    Raises:
        InputError: ``per_class`` is less than 1, or ``skip`` less than 0 or as many as there are.
    """
    if per_class < 1:
        raise InputError(f"per_class={per_class} of FewShotSubset: give at least 1")
    data: ImageDataset = DATASETS.build(dataset)
    order = np.random.default_rng(seed).permutation(len(data))
    labels = data.labels.numpy()[order]
    of_each = [order[labels == c] for c in range(len(data.classes))]
    if not 0 <= skip < min(map(len, of_each)):
        fewest = min(map(len, of_each))
        raise InputError(
            f"skip={skip} of FewShotSubset: a class has {fewest} images, give less, or 0"
        )
    kept = np.sort(np.concatenate([one[skip : skip + per_class] for one in of_each]))
    data.images, data.labels = data.images[kept], data.labels[kept]
    return data
