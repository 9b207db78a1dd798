"""A few labelled images of each class."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.registry import DATASETS

from bsam_suite.errors import InputError
from tasks.classification.images import Images


@DATASETS.register_module()
class FewLabels(Images):
    """At most ``per_class`` images of each class of a data set, drawn at random.

    Args:
        dataset: config of an ``Images`` data set.
        per_class: how many images to keep of each class, at least 1.
        seed: of the choice.

    Raises:
        InputError: ``per_class`` is less than 1.
    """

    def __init__(self, dataset: dict, per_class: int, seed: int = 0) -> None:
        if per_class < 1:
            raise InputError(f"per_class={per_class} of FewLabels: give at least 1")
        full: Images = DATASETS.build(dataset)
        order = np.random.default_rng(seed).permutation(len(full))
        labels = full.labels.numpy()[order]
        kept = [order[labels == c][:per_class] for c in range(len(full.classes))]
        kept = torch.from_numpy(np.sort(np.concatenate(kept)))
        super().__init__(full.images[kept], full.labels[kept], full.classes)
