"""Data sets of torchvision."""

from __future__ import annotations

import torch
import torchvision
from mmengine.registry import DATASETS
from PIL import Image

from bsam_suite.errors import InputError, UnreadableFile
from bsam_suite.nearest import did_you_mean
from bsam_suite.shell import python
from tasks.classification.decode import decode_images
from tasks.classification.image_dataset import ImageDataset


@DATASETS.register_module()
class TorchvisionDataset(ImageDataset):
    """A data set of ``torchvision.datasets`` whose items are pairs (image, class).

    Args:
        name: its class, such as ``"CIFAR10"``.
        size: side in pixels; images are cropped to a square and resized to it. None if all have the
            same size.
        **arguments: of its constructor, such as ``root``, ``train`` and ``download``.

    Raises:
        InputError: the data set does not exist, cannot be opened, or has other items.
    """

    def __init__(self, name: str, size: int | None = None, **arguments) -> None:
        names = torchvision.datasets.__all__
        if name not in names:
            hint = did_you_mean(name, names)
            raise InputError(f"name={name!r} of TorchvisionDataset does not exist{hint}")
        try:
            source = getattr(torchvision.datasets, name)(**arguments)
        except (RuntimeError, OSError, TypeError, ValueError) as error:
            said = ", ".join(f"{k}={v!r}" for k, v in arguments.items())
            raise InputError(
                f"torchvision's {name}({said}) cannot be opened: {error} Give the folder where "
                "torchvision unpacked it as data_root, or let torchvision download it by "
                f"{python()} -c \"import torchvision; torchvision.datasets.{name}('DIR', "
                'download=True)"'
            ) from error
        labels, names = [], [f"image {i} of {name}" for i in range(len(source))]

        def load(i: int):
            try:
                image, label = source[i]
                image.load()
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
                raise UnreadableFile.of(names[i], error) from error
            if i == len(labels):
                labels.append(label)
            return image

        try:
            images = decode_images(load, names, size)
            labels = torch.tensor([int(label) for label in labels])
        except (AttributeError, TypeError) as error:
            raise InputError(
                f"items of torchvision's {name} are not pairs (image, class): choose a data set "
                "for classification"
            ) from error
        classes = getattr(source, "classes", None) or map(str, range(int(labels.max()) + 1))
        super().__init__(images, labels, list(classes))
