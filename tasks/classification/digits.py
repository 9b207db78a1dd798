"""The handwritten digits of scikit-learn."""

from __future__ import annotations

import torch
from mmengine.registry import DATASETS
from torch.nn import functional as F

from bsam_suite.errors import InputError
from bsam_suite.optional import need
from tasks.classification.image_dataset import ImageDataset


@DATASETS.register_module()
class Digits(ImageDataset):
    """1797 handwritten digits of 8x8 pixels in 17 shades, enlarged to RGB images.

    The test set of the UCI "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak,
    1998), as in ``sklearn.datasets.load_digits``. It has no official split: a share of each class,
    drawn with ``seed``, is the test set.

    Args:
        split: ``"train"`` or ``"test"``.
        digits: the digits to use; their position in this list is their label. Default: all.
        size: side of the images in pixels.
        seed: of the split.
        test_size: share of the images that is the test set, or their number.

    Raises:
        InputError: scikit-learn is not installed, the split or a digit is unknown, or ``test_size``
            leaves no image of a class on one side.
    """

    #: A float model of them is trained where a quantized one asks for it.
    embedded = True

    def __init__(
        self,
        split: str,
        digits: list[int] | None = None,
        size: int = 16,
        seed: int = 0,
        test_size: float = 0.2,
    ) -> None:
        load_digits = need("sklearn.datasets", "classification").load_digits
        train_test_split = need("sklearn.model_selection", "classification").train_test_split
        if split not in ("train", "test"):
            raise InputError(f"split={split!r} of Digits: give 'train' or 'test'")
        digits = list(range(10)) if digits is None else list(digits)
        if not digits or len({*digits}) < len(digits) or not {*digits} <= {*range(10)}:
            raise InputError(f"digits={digits} of Digits: give different numbers from 0 to 9")
        grey, labels = load_digits(return_X_y=True)
        # Split first, so that an image is on the same side whatever digits are chosen.
        try:
            train, test = train_test_split(
                range(len(labels)), test_size=test_size, random_state=seed, stratify=labels
            )
        except ValueError as error:
            raise InputError(f"test_size={test_size} of Digits: {error}") from error
        chosen = torch.tensor(train if split == "train" else test)
        grey, labels = torch.tensor(grey)[chosen], torch.tensor(labels)[chosen]
        label_of = torch.full((10,), -1)
        label_of[digits] = torch.arange(len(digits))
        labels = label_of[labels]
        grey, labels = grey[labels >= 0], labels[labels >= 0]
        images = F.interpolate(
            grey.view(-1, 1, 8, 8) * (255 / 16), (size, size), mode="bilinear", align_corners=False
        )
        images = images.round().to(torch.uint8).permute(0, 2, 3, 1).repeat(1, 1, 1, 3)
        super().__init__(images, labels, [str(digit) for digit in digits])
