"""A fixed part of a config's training data, as validation sees it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sized

import torch
from mmengine.config import Config, ConfigDict
from mmengine.dist import get_rank, get_world_size
from mmengine.runner import Runner
from torch.utils.data import DataLoader, Sampler

from bsam_suite.engine.building import building
from bsam_suite.errors import InputError

FIELDS = ("pipeline", "transform", "augment")
"""The fields of a data set that say how its samples are augmented."""


def training_loader(cfg: Config, samples: int, batch_size: int | None = None) -> DataLoader:
    """A loader of ``samples`` of the training data, the same ones in every run, not augmented.

    They are drawn at random with the seed 0, since many data sets are sorted by class. Of several
    processes each loads its share.

    Args:
        cfg: its ``train_dataloader`` is used, with the fields :data:`FIELDS` of its validation
            data. Transforms of the training pipeline whose names begin with ``Generate``, such as
            those that draw heatmaps, are kept: the loss needs them.
        samples: how many; all where there are fewer.
        batch_size: instead of the loader's.

    Raises:
        InputError: there are no training data, or a number is below 1.
    """
    for name, value in dict(samples=samples, batch_size=batch_size).items():
        if value is not None and (type(value) is not int or value < 1):
            raise InputError(f"{name}={value!r}: give a whole number from 1")
    if not cfg.get("train_dataloader"):
        raise InputError(f"{cfg.filename} has no train_dataloader to measure the loss on")
    loader = cfg.train_dataloader.to_dict()
    for name in ("batch_sampler", "num_batch_per_epoch"):
        loader.pop(name, None)
    loader |= dict(
        dataset=not_augmented(cfg),
        sampler=dict(type=SomeSamples, samples=samples),
        batch_size=batch_size or loader.get("batch_size", 1),
        drop_last=False,
        persistent_workers=False,
    )
    with building(cfg):
        built = Runner.build_dataloader(ConfigDict(loader), seed=0)
    if not len(built.dataset):  # type: ignore[arg-type]
        raise InputError(
            f"train_dataloader of {cfg.filename} has no data: look at the paths of its dataset"
        )
    return built


class SomeSamples(Sampler):
    """This process's share of some samples, which are drawn by ``seed`` and the same in all.

    Args:
        dataset: to draw from.
        samples: how many are drawn; all where there are fewer.
        seed: of the order.
    """

    def __init__(self, dataset: Sized, samples: int, seed: int = 0) -> None:
        order = torch.randperm(len(dataset), generator=torch.Generator("cpu").manual_seed(seed))
        self.chosen = order[:samples][get_rank() :: get_world_size()].tolist()

    def __iter__(self) -> Iterator[int]:
        return iter(self.chosen)

    def __len__(self) -> int:
        return len(self.chosen)


def not_augmented(cfg: Config) -> dict:
    """The config of the training data, with the fields :data:`FIELDS` of the validation data."""
    dataset = cfg.train_dataloader.dataset.to_dict()
    seen = (cfg.get("val_dataloader") or cfg.get("test_dataloader") or {}).get("dataset")
    if seen is None:
        warnings.warn(
            f"{cfg.filename} has no val_dataloader, which would say how data are read without "
            "augmentation: the measured samples are augmented, once",
            stacklevel=2,
        )
        return dataset
    wanted = {name: value for part in _parts(seen.to_dict()) for name, value in part.items()}
    for field in FIELDS:
        _set(dataset, field, wanted)
    return dataset


def _set(dataset: dict, field: str, wanted: Mapping) -> None:
    """Give the outermost data sets in ``dataset`` that have a ``field`` the wanted one."""
    if dataset.get(field):
        if field not in wanted:
            del dataset[field]
        elif field == "pipeline":
            dataset[field] = _with_targets(wanted[field], dataset[field])
        else:
            dataset[field] = wanted[field]
        return
    for inner in _inner(dataset):
        _set(inner, field, wanted)


def _with_targets(pipeline: list[dict], training: list[dict]) -> list[dict]:
    """``pipeline``, and before its last step those of ``training`` that make targets."""
    have = [step["type"] for step in pipeline]
    made = [
        step
        for step in training
        if str(step["type"]).rpartition(".")[2].startswith("Generate") and step["type"] not in have
    ]
    return [*pipeline[:-1], *made, *pipeline[-1:]]


def _parts(dataset: dict) -> Iterator[dict]:
    """The innermost data sets first, so that what the outer ones say prevails."""
    for inner in _inner(dataset):
        yield from _parts(inner)
    yield dataset


def _inner(dataset: dict) -> list[dict]:
    found = [dataset.get("dataset"), *(dataset.get("datasets") or [])]
    return [one for one in found if isinstance(one, dict)]
