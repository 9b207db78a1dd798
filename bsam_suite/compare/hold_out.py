"""A part of the training data, cut off to choose by."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS
from torch.utils.data import Dataset

from bsam_suite.errors import InputError

PREPARING = ("pipeline", "transform", "augment", "test_mode")
"""Fields of a data set that say how its items are prepared, not which they are."""


@DATASETS.register_module()
class Part(Dataset):
    """A random share of a data set, or the rest of it.

    Images stay whole: the persons in one are on the same side.

    Args:
        dataset: config of the whole.
        share: of the images that are held out, between 0 and 1.
        held_out: whether this is the share, or the rest.
        seed: of the choice.

    Raises:
        InputError: one of the two parts would be empty.
    """

    def __init__(self, dataset: dict, share: float, held_out: bool, seed: int = 0) -> None:
        self.dataset = DATASETS.build(dataset)
        images = image_of_each(self.dataset)
        different = sorted(set(images))
        count = round(share * len(different))
        if not 0 < count < len(different):
            raise InputError(
                f"share={share} of {len(different)} images leaves no image on one side: "
                "give more data or another share"
            )
        # Not the order that a data set inside may have drawn with the same seed, as wrong labels.
        order = np.random.default_rng([seed, *b"Part"]).permutation(len(different))
        chosen = {different[i] for i in order[:count]}
        self.indices = [i for i, image in enumerate(images) if (image in chosen) == held_out]

    @property
    def metainfo(self) -> dict:
        """What the whole says of itself, under a name of its own.

        By the name MMPose's metric finds the annotations of the whole.
        """
        whole = getattr(self.dataset, "metainfo", {})
        if "dataset_name" in whole:
            return {**whole, "dataset_name": f"part of {whole['dataset_name']}"}
        return whole

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> object:
        return self.dataset[self.indices[index]]

    def __getattr__(self, name: str) -> object:
        if name != "__getitems__" or "dataset" not in vars(self):
            raise AttributeError(name)
        whole = self.dataset.__getitems__  # of a data set that gives whole batches
        return lambda indices: whole([self.indices[i] for i in indices])


def image_of_each(dataset: Dataset) -> list:
    """The image of each item, by which items of one image are known."""
    count = len(dataset)  # type: ignore[arg-type]  # data sets by index have one
    if not hasattr(dataset, "get_data_info"):
        return list(range(count))
    infos = (dataset.get_data_info(i) for i in range(count))
    return [info.get("img_id", info.get("img_path", i)) for i, info in enumerate(infos)]


def hold_out(cfg: Config, share: float) -> None:
    """Let ``cfg`` train on a part of its training data and validate on the rest of them.

    What is held out is prepared as the validation data are.

    Args:
        share: of the training images that are held out.
    """
    train = cfg.train_dataloader.dataset
    evaluated = as_evaluated(train, cfg.val_dataloader.dataset)
    cfg.train_dataloader.dataset = dict(type="Part", dataset=train, share=share, held_out=False)
    cfg.val_dataloader.dataset = dict(type="Part", dataset=evaluated, share=share, held_out=True)
    cfg.val_evaluator = of_items(cfg.val_evaluator)


def as_evaluated(train: Mapping, val: Mapping) -> dict:
    """The training data set ``train``, its items prepared as those of ``val``."""
    found = copy.deepcopy(dict(train))
    if "dataset" in found:
        inner = val.get("dataset", val)
        return dict(found, dataset=as_evaluated(found["dataset"], inner))
    kept = {name: value for name, value in found.items() if name not in PREPARING}
    return kept | {name: copy.deepcopy(val[name]) for name in PREPARING if name in val}


def of_items(evaluator: Any) -> Any:
    """An evaluator's config that takes the truth from the items, not from a file of other ones."""
    if isinstance(evaluator, (list, tuple)):
        return [of_items(one) for one in evaluator]
    return {name: value for name, value in evaluator.items() if name != "ann_file"}
