"""The images that a config is run on: the user's where a ``data_root`` is given."""

from __future__ import annotations

import re
from pathlib import Path

from bsam_suite.engine.config import cfg_option
from bsam_suite.optional import need

CIFAR = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
"""Our config of a CIFAR set and the folder that torchvision unpacks it to."""


def data(built_in: str = "digits", folder: str = "folder", imagenet: str = "imagenet") -> str:
    """Which config of ``_base_`` to inherit.

    Without a ``data_root`` that is ``built_in``; with one, CIFAR-10 or CIFAR-100 if torchvision has
    unpacked it there, ``imagenet`` if its classes have ImageNet's names, else ``folder``. A root
    that lacks something is not passed over: the config checks it.

    Raises:
        InputError: torchvision is not installed.
    """
    need("torchvision", "classification")
    root = cfg_option("data_root", kind=str)
    if root is None:
        return f"./_base_/{built_in}.py"
    if folder == "folder":
        for name, unpacked in CIFAR.items():
            if (Path(root) / unpacked).is_dir():
                return f"./_base_/{name}.py"
        if is_imagenet(Path(root)):
            return f"./_base_/{imagenet}.py"
    return f"./_base_/{folder}.py"


def is_imagenet(root: Path) -> bool:
    """Whether the classes in ``root`` are WordNet's, as those of ImageNet and of parts of it."""
    train = root / "train"
    folders = [path for path in train.iterdir() if path.is_dir()] if train.is_dir() else []
    names = [path.name for path in folders if not path.name.startswith(".")]
    return bool(names) and all(re.fullmatch(r"n\d{8}", name) for name in names)
