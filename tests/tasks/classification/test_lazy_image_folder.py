"""Images that are read while they are used: what a batch holds, and repeating an epoch."""

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from PIL import Image

from bsam_suite.engine.checked_batches import checked
from bsam_suite.errors import InputError
from tasks.classification import register_all  # noqa: F401

CLASSES = ("n01440764", "n02102040")


@pytest.fixture
def root(tmp_path):
    """Four images of each of two classes, none like another in size or content."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (tmp_path / "train" / name).mkdir(parents=True)
        for i in range(4):
            pixels = rng.integers(0, 256, (20 + 3 * i, 35 - 4 * i, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "train" / name / f"{i}.png")
    return tmp_path


def lazy(root, **more):
    config = dict(type="LazyImageFolder", data_root=str(root), split="train", size=14)
    return {**config, "augment": True, **more}


def build(root, **more):
    return DATASETS.build(lazy(root, **more))


def test_validation_takes_the_centre(root):
    data = build(root, augment=False)
    assert len(data) == 8 and data.metainfo == dict(classes=list(CLASSES))
    batch = data.__getitems__([6, 1])
    assert batch["labels"].tolist() == [1, 0] and batch["inputs"].dtype == torch.uint8
    for image, file in zip(batch["inputs"], (f"{CLASSES[1]}/2.png", f"{CLASSES[0]}/1.png")):
        picture = Image.open(root / "train" / file)
        scale = 16 / min(picture.size)  # 256 to 224, as 16 to 14
        picture = picture.resize([int(scale * side) for side in picture.size], Image.BILINEAR)
        left, top = (round((side - 14) / 2) for side in picture.size)
        expected = np.asarray(picture.crop((left, top, left + 14, top + 14)))
        np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), expected)
    assert torch.equal(data[1]["inputs"], batch["inputs"][1])


def test_training_takes_boxes_of_some_size_anywhere_mirrored_by_chance(tmp_path):
    y, x = np.mgrid[:240, :240]
    (tmp_path / "train/a").mkdir(parents=True)
    ramp = np.stack([x, y, 0 * x], 2).astype(np.uint8)
    Image.fromarray(ramp).save(tmp_path / "train/a/0.png")
    boxes = build(tmp_path, size=24).__getitems__([0] * 400)["inputs"].float()
    # The slopes of the two ramps tell which box each image was cut from.
    width = (boxes[:, 0, 12, -4] - boxes[:, 0, 12, 3]).abs() * 24 / 17
    height = (boxes[:, 1, -4, 12] - boxes[:, 1, 3, 12]) * 24 / 17
    area, ratio = width * height / 240**2, width / height
    assert 0.07 < area.min() < 0.12 and 0.8 < area.max() < 1.02
    assert 0.7 < ratio.min() < 0.8 and 1.25 < ratio.max() < 1.43
    mirrored = (boxes[:, 0, 12, 0] > boxes[:, 0, 12, -1]).float().mean()
    assert 0.4 < mirrored < 0.6  # four standard deviations
    centre = boxes[:, :2, 11:13, 11:13].mean((2, 3))
    assert (centre.amin(0) < 60).all() and (centre.amax(0) > 180).all()


def loader(root, workers=2):
    return Runner.build_dataloader(
        dict(
            batch_size=2,
            num_workers=workers,
            sampler=dict(type="DefaultSampler", shuffle=False),
            collate_fn=dict(type="identity_collate"),
            batch_sampler=dict(type="SeededBatches", seed=0),
            dataset=lazy(root),
        ),
        seed=0,
    )


def test_an_epoch_draws_the_same_in_another_run(root):
    def epoch(number, batches):
        batches.batch_sampler.set_epoch(number)
        return torch.cat([batch["inputs"] for batch in batches])

    one = loader(root)
    first, second = epoch(0, one), epoch(1, one)
    assert first.shape == (8, 3, 14, 14)
    assert torch.equal(epoch(1, loader(root)), second)
    assert not any(torch.equal(a, b) for a, b in zip(first, second))


def test_workers_draw_numbers_of_their_own(root):
    for name in CLASSES:
        for path in sorted((root / "train" / name).glob("*.png")):
            path.write_bytes((root / "train" / CLASSES[0] / "0.png").read_bytes())
    images = torch.cat([batch["inputs"] for batch in loader(root)])
    assert len({tuple(image.flatten().tolist()) for image in images}) == 8


def test_wrong_and_few_labels(root):
    clean = build(root)
    noisy = DATASETS.build(dict(type="LabelNoise", dataset=lazy(root), rate=0.5))
    assert (noisy.labels != clean.labels).sum() == 4
    few = DATASETS.build(dict(type="FewShotSubset", dataset=lazy(root), per_class=2))
    assert few.labels.tolist() == [0, 0, 1, 1] and {*few.images} < {*clean.images}
    assert few.__getitems__([0, 3])["inputs"].shape == (2, 3, 14, 14)


def test_what_cannot_be_read_is_named(root):
    with pytest.raises(InputError, match="image_size=0: give a side in pixels, such as 224"):
        build(root, size=0)
    file = root / f"train/{CLASSES[1]}/3.png"
    file.write_bytes(b"no image")
    with pytest.raises(InputError, match=rf"^{file} cannot be read .*remove this image$"):
        list(loader(root))


@pytest.mark.long
@pytest.mark.parametrize("workers", [0, 2])
def test_a_few_damaged_images_are_left_out(root, workers):
    """The others of their batches are there; those in their places have their own labels."""
    cut, gone = (root / f"train/{CLASSES[i]}/{i + 1}.png" for i in (0, 1))
    data = loader(root, workers)
    cut.write_bytes(cut.read_bytes()[:200])
    gone.unlink()
    with checked(data, 2):
        batches = list(data)
    damaged = {name: reason for _, found in batches for name, reason in found.items()}
    assert damaged.keys() == {str(cut), str(gone)} and "truncated" in damaged[str(cut)]
    labels = torch.cat([batch["labels"] for batch, _ in batches])
    assert labels[[0, 2, 3, 4, 5, 7]].tolist() == [0, 0, 0, 1, 1, 1] and len(labels) == 8
    assert all(len(batch["inputs"]) == 2 for batch, _ in batches)
    with checked(data, 0):
        assert [batch is None for batch, _ in data] == [True, False, False, True]
