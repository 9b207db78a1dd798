"""Images in a folder with one subfolder for each class, read when they are needed."""

from __future__ import annotations

import numpy as np
import torch
from mmengine.registry import DATASETS
from torch import Tensor
from torchvision.transforms import v2

from bsam_suite.errors import InputError
from tasks.classification.image_dataset import ImageDataset
from tasks.classification.image_folder import open_folder
from tasks.classification.rgb import open_image, to_rgb


@DATASETS.register_module()
class LazyImageFolder(ImageDataset):
    """A split of a folder as in ``InMemoryImageFolder``, for more and larger images.

    Each image is read, cropped and resized when a batch needs it, best in the workers of PyTorch's
    ``DataLoader``. The transforms are those of torchvision's references/classification. With
    augmentation: a random box of 8% to 100% of the area (C. Szegedy et al., arXiv 1409.4842),
    mirrored with probability 1/2. Without: the short side is resized to 256/224 of ``size``, then
    the centre is cropped.

    All random numbers come from PyTorch's generator, which the suite seeds for each batch.

    Args:
        data_root: the folder.
        split: ``"train"``, ``"val"`` or ``"test"``.
        size: side of the square images in pixels.
        augment: whether to crop and mirror randomly.

    Raises:
        InputError: as :func:`open_folder`, or ``size`` is below 1; for a batch, an image cannot be
            read.
    """

    def __init__(self, data_root: str, split: str, size: int = 224, augment: bool = False) -> None:
        if size < 1:
            raise InputError(f"image_size={size}: give a side in pixels, such as 224")
        folder = open_folder(data_root, split)
        # An array: worker processes would copy a list piece by piece when they read it.
        paths = np.array([path for path, _ in folder.samples])
        super().__init__(paths, torch.tensor(folder.targets), folder.classes)
        if augment:
            shape = [v2.RandomResizedCrop(size), v2.RandomHorizontalFlip()]
        else:
            shape = [v2.Resize(size * 256 // 224), v2.CenterCrop(size)]
        self._transform = v2.Compose([*shape, v2.PILToTensor()])

    def __getitems__(self, indices: list[int]) -> dict[str, Tensor]:
        """``inputs`` (B, 3, size, size) uint8 and ``labels`` (B,), on the CPU."""
        paths = self.images[indices].tolist()
        images = [self._transform(to_rgb(open_image(path), path)) for path in paths]
        return dict(inputs=torch.stack(images), labels=self.labels[indices])
