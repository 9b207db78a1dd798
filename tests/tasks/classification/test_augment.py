"""Augmentation in batches against torchvision, image by image."""

from collections import Counter

import pytest
import torch
from mmengine.registry import MODELS
from torchvision.transforms.v2 import functional as tv

from bsam_suite.errors import InputError
from tasks.classification import register_all  # noqa: F401
from tasks.classification.augment import crop_and_flip, cutout


def test_crops_and_flips_are_torchvisions_and_equally_likely():
    torch.manual_seed(0)
    image = torch.randint(1, 256, (3, 6, 5), dtype=torch.uint8)
    padded = tv.pad(image, [1])
    candidates = {}
    for top in range(3):
        for left in range(3):
            crop = tv.crop(padded, top, left, 6, 5)
            candidates[top, left, False] = crop
            candidates[top, left, True] = tv.horizontal_flip(crop)
    n = 18 * 200
    batch = crop_and_flip(image.expand(n, -1, -1, -1), padding=1, flip=True)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    counts = Counter()
    for key, candidate in candidates.items():
        counts[key] = int((batch == candidate).flatten(1).all(1).sum())
    assert sum(counts.values()) == n
    # Each count has a standard deviation of 14.
    assert all(130 < count < 270 for count in counts.values()), counts
    plain = crop_and_flip(image.expand(50, -1, -1, -1), padding=0, flip=False)
    assert torch.equal(plain, image.expand(50, -1, -1, -1))


@pytest.mark.parametrize("size", [2, 3])
def test_cutout_blanks_one_square_anywhere(size):
    torch.manual_seed(0)
    n, height, width = 4000, 6, 5
    batch = cutout(torch.ones(n, 3, height, width).to(memory_format=torch.channels_last), size)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch[:, 0], batch[:, 2])
    expected = {}
    for y in range(height):
        for x in range(width):
            top, left = y - size // 2, x - size // 2
            box = max(top, 0), max(left, 0), size + min(top, 0), size + min(left, 0)
            expected[y, x] = tv.erase(torch.ones(1, height, width), *box, torch.zeros(1))[0]
    for centre, square in expected.items():
        found = int((batch[:, 0] == square).flatten(1).all(1).sum())
        assert 80 < found < 200, (centre, found)  # 133 expected, with a deviation of 11
    seen = {tuple(b.flatten().tolist()) for b in batch[:, 0]}
    assert seen == {tuple(square.flatten().tolist()) for square in expected.values()}


def test_the_preprocessor_normalizes_and_augments_only_for_training():
    mean, std = [0.5, 0.4, 0.3], [0.2, 0.25, 0.3]
    make = dict(type="ImagePreprocessor", mean=mean, std=std)
    images = torch.randint(0, 256, (8, 3, 6, 6), dtype=torch.uint8)
    expected = tv.normalize(images / 255, mean, std)
    batch = dict(inputs=images, labels=torch.arange(8))
    model = MODELS.build({**make, "crop_padding": 2, "flip": True, "cutout": 3})
    torch.testing.assert_close(model(batch, False)["inputs"], expected, rtol=1e-4, atol=1e-4)
    assert not model.state_dict()  # the config says it
    assert torch.equal(model(batch, True)["labels"], batch["labels"])
    torch.manual_seed(3)
    one = model(batch, True)["inputs"]
    two = model(batch, True)["inputs"]
    torch.manual_seed(3)
    again = model(batch, True)["inputs"]
    assert torch.equal(one, again) and not torch.equal(one, two)
    assert (one == 0).flatten(1).sum(1).min() >= 4 * 3  # at least the corner of a square
    plain = MODELS.build(make)(batch, True)["inputs"]
    torch.testing.assert_close(plain, expected, rtol=1e-4, atol=1e-4)
    for wrong in (dict(cutout=-1), dict(crop_padding=-2), dict(std=[0.0] * 3)):
        with pytest.raises(InputError, match=next(iter(wrong))):
            MODELS.build({**make, **wrong})
