"""Checks of a classification config before training or evaluation starts."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.registry import FUNCTIONS

from bsam_suite.errors import InputError
from bsam_suite.shell import ROOT, near, tool
from tasks.classification.image_folder import count_class_folders, open_folder
from tasks.classification.transfer import read_weights


@FUNCTIONS.register_module()
def check_images(cfg: Config) -> None:
    """Print which images are used, and check the folders.

    Raises:
        InputError: a folder is missing or empty, or the classes differ between the splits or from
            ``model.num_classes``.
    """
    sets = _sources(cfg)
    first = next(iter(sets.values()))
    if first.type == "Digits":
        print(
            "Data: scikit-learn's handwritten digits. For your own images, or CIFAR as torchvision "
            "unpacks it, add --cfg-options data_root=DIR",
            flush=True,
        )
    else:
        print(f"Data: {first.get('data_root') or first.get('root')}", flush=True)
    folders = {n: open_folder(s.data_root, s.split) for n, s in sets.items() if s.type in FOLDERS}
    if not folders:
        return
    for folder in folders.values():
        if folder.skipped:
            print(
                f"Skipped: {len(folder.skipped)} files in {folder.root} without the extension of "
                f"an image, such as {folder.skipped[0]}",
                flush=True,
            )
    names, folder = next(iter(folders.values())).classes, next(iter(folders.values())).root
    for other in folders.values():
        differ = sorted({*names} ^ {*other.classes})
        if differ:
            raise InputError(
                f"{folder} and {other.root} have different classes: {', '.join(differ[:5])} "
                f"only in one of them. Give both a folder for each class"
            )
    model = _classifier(cfg)
    if model.num_classes != len(names):
        raise InputError(
            f"model.num_classes={model.num_classes}, but {folder} has {len(names)} classes: "
            "leave it out"
        )


FOLDERS = ("InMemoryImageFolder", "LazyImageFolder")


@FUNCTIONS.register_module()
def check_transfer(cfg: Config, pretrain: str | None = None) -> None:
    """Check the initial weights; a resumed run does not need them.

    Args:
        pretrain: config of the suite that trains these weights, if there is one.

    Raises:
        InputError: there are no weights.
    """
    if cfg.get("resume") or cfg.get("load_from"):
        cfg.model.transfer_from = None
        return
    file = cfg.model.get("transfer_from")
    if file is None:
        raise InputError(
            "model.transfer_from is not set: add --cfg-options model.transfer_from=FILE, a "
            "checkpoint of this task or the weights of a model of torchvision or timm"
        )
    if pretrain and not Path(file).is_file():
        how = f"{tool('train')} {near(ROOT / pretrain)}"
        raise InputError(f"model.transfer_from={file} does not exist: make it by {how}")
    read_weights(file)


@FUNCTIONS.register_module()
def resize_images(cfg: Config) -> None:
    """Show the images of all data sets at ``cfg.image_size``."""
    for source in _sources(cfg).values():
        source.size = cfg.image_size


@FUNCTIONS.register_module()
def count_classes(cfg: Config) -> None:
    """Give a network as many classes as its folder of images has, if the config names no number."""
    sets, model = _sources(cfg), _classifier(cfg)
    source = next(iter(sets.values()), None)
    if model.get("num_classes") is None and source is not None and source.type in FOLDERS:
        model.num_classes = count_class_folders(source.data_root, source.split) or None


def _classifier(cfg: Config) -> dict:
    """The config of the network inside all that wraps it, such as a quantized model."""
    model = cfg.model
    while "model" in model:
        model = model.model
    return model


def _sources(cfg: Config) -> dict[str, dict]:
    loaders = ("train_dataloader", "val_dataloader", "test_dataloader")
    return {name: _source(cfg[name].dataset) for name in loaders if cfg.get(name)}


def _source(dataset: dict) -> dict:
    """The config of the data set inside all wrappers."""
    return _source(dataset.dataset) if "dataset" in dataset else dataset
