"""Small sets of images and masks in the layouts that recipes know."""

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def layouts(tmp_path_factory):
    """Folders by name: ``voc``, ``cityscapes``, ``folder`` (of three classes)."""
    root, rng = tmp_path_factory.mktemp("layouts"), np.random.default_rng(0)

    def pair(image, mask, classes):
        for file, values in ((image, (48, 64, 3)), (mask, (48, 64))):
            file.parent.mkdir(parents=True, exist_ok=True)
            top = 255 if len(values) == 3 else classes
            cv2.imwrite(str(file), rng.integers(0, top, values).astype(np.uint8))

    for split in ("train", "val"):
        for name in (f"{split}_{i}" for i in range(3)):
            place = root / "voc"
            pair(place / f"JPEGImages/{name}.jpg", place / f"SegmentationClass/{name}.png", 21)
            place = root / "cityscapes"
            image, mask = (f"{name}_{end}.png" for end in ("leftImg8bit", "gtFine_labelTrainIds"))
            pair(place / f"leftImg8bit/{split}/a/{image}", place / f"gtFine/{split}/a/{mask}", 19)
            place = root / "folder"
            pair(place / f"images/{split}/{name}.jpg", place / f"masks/{split}/{name}.png", 3)
        listed = root / f"voc/ImageSets/Segmentation/{split}.txt"
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text("\n".join(f"{split}_{i}" for i in range(3)))
    (root / "folder/classes.txt").write_text("sky\nsea\n\nsand\n")
    return root
