"""What the data sets hold, against the libraries that they come from."""

import hashlib
import pickle

import numpy as np
import pytest
import torch
import torchvision
from mmengine.dataset import sampler
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from PIL import Image
from sklearn.datasets import load_digits

from bsam_suite.errors import InputError
from tasks.classification import decode, register_all  # noqa: F401


def build(**config):
    return DATASETS.build(config)


@pytest.fixture
def root(tmp_path):
    """Three images of each of two classes in train/, one in test/."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 3), ("test", 1)):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (6, 8, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / split / name / f"{i}.png")
    return tmp_path


def test_a_folder_is_read_as_by_torchvision(root):
    ours = build(type="InMemoryImageFolder", data_root=str(root), split="train")
    theirs = torchvision.datasets.ImageFolder(root / "train")
    assert ours.metainfo == dict(classes=["cat", "dog"]) and len(ours) == len(theirs) == 6
    for i, (image, label) in enumerate(theirs):
        expected = torchvision.transforms.functional.pil_to_tensor(image)
        assert torch.equal(ours[i]["inputs"], expected) and ours[i]["labels"] == label
    # There is no val/, so that validation takes test/; a val/ would go first.
    val = build(type="InMemoryImageFolder", data_root=str(root), split="val")
    assert len(val) == 2
    (root / "test").rename(root / "val")
    test = build(type="InMemoryImageFolder", data_root=str(root), split="test")
    assert torch.equal(test.images, val.images)
    small = build(type="InMemoryImageFolder", data_root=str(root), split="train", size=4)
    assert small.images.shape == (6, 4, 4, 3)


def test_what_is_wrong_with_a_folder_is_said(root):
    def refused(match, split="train", path=root, **more):
        with pytest.raises(InputError, match=match):
            build(type="InMemoryImageFolder", data_root=str(path), split=split, **more)

    refused("nowhere is not a folder: give a folder with train/CLASS/", path=root / "nowhere")
    refused("has no val/ nor test/", split="val", path=_renamed(root / "test", "other").parent)
    refused("image_size=0", size=0)
    Image.new("RGB", (5, 5)).save(root / "train/dog/odd.png")
    refused(r"odd.png is 5x5, .*cat/0.png 8x6: set --cfg-options image_size=SIDE")
    (root / "train/dog/odd.png").write_bytes(b"no image")
    refused(r"odd.png cannot be read .*remove this image", size=4)
    (root / "train/owl").mkdir()
    refused(r"no valid file for the classes owl.*remove the empty folders")
    for path in (root / "train").rglob("*"):
        path.unlink() if path.is_file() else None
    refused("classes cat, dog, owl")


def _renamed(path, name):
    return path.rename(path.with_name(name))


def test_sets_that_do_not_fit_into_memory_are_refused(root, monkeypatch):
    monkeypatch.setattr(decode, "_memory", lambda: 6 * 8 * 6 * 3)
    with pytest.raises(InputError, match="6 images of 8x6 take .* set a smaller image_size"):
        build(type="InMemoryImageFolder", data_root=str(root), split="train")


def test_data_sets_of_torchvision(monkeypatch, tmp_path):
    # CIFAR-10 in its own file format, but with four random images instead of 60000.
    rows = np.random.default_rng(0).integers(0, 256, (4, 3072), np.uint8)
    base = tmp_path / "cifar-10-batches-py"
    base.mkdir()
    files = {
        "data_batch_1": {"data": rows, "labels": [3, 1, 4, 1]},
        "batches.meta": {"label_names": list("abcde")},
    }
    sums = {}
    for name, content in files.items():
        (base / name).write_bytes(pickle.dumps(content))
        sums[name] = hashlib.md5((base / name).read_bytes()).hexdigest()
    cifar = torchvision.datasets.CIFAR10
    monkeypatch.setattr(cifar, "train_list", [["data_batch_1", sums["data_batch_1"]]])
    monkeypatch.setattr(cifar, "test_list", [])
    meta = dict(filename="batches.meta", key="label_names", md5=sums["batches.meta"])
    monkeypatch.setattr(cifar, "meta", meta)
    ours = build(type="TorchvisionDataset", name="CIFAR10", root=str(tmp_path), train=True)
    batch = ours.__getitems__([2, 0])
    np.testing.assert_array_equal(batch["inputs"].numpy(), rows[[2, 0]].reshape(2, 3, 32, 32))
    assert batch["labels"].tolist() == [4, 3] and ours.classes == list("abcde")

    with pytest.raises(InputError, match="'CIFAR11'.*did you mean 'CIFAR10'"):
        build(type="TorchvisionDataset", name="CIFAR11")
    with pytest.raises(InputError, match=r"CIFAR100\(root='nowhere'\) cannot be opened.*download"):
        build(type="TorchvisionDataset", name="CIFAR100", root="nowhere")


def test_digits_are_split_evenly_and_for_good():
    train, test = (build(type="Digits", split=split) for split in ("train", "test"))
    grey, labels = load_digits(return_X_y=True)
    assert len(train) + len(test) == len(labels) == 1797 and len(test) == 360
    for d in range(10):
        share = (test.labels == d).sum().item() / (labels == d).sum()
        assert share == pytest.approx(0.2, abs=0.005)
    # At their own size the images are scikit-learn's, in 0 to 255 instead of 0 to 16, none twice.
    sides = [build(type="Digits", split=split, size=8) for split in ("train", "test")]
    found = torch.cat([side.images[..., 0].flatten(1) for side in sides])
    expected = torch.tensor(np.round(grey * 255 / 16)).to(torch.uint8)
    found_labels = torch.cat([side.labels for side in sides]).tolist()

    def rows(images, labels):
        return sorted((*image, label) for image, label in zip(images.tolist(), labels))

    assert rows(found, found_labels) == rows(expected, labels.tolist())
    assert train.images.shape == (1437, 16, 16, 3)
    # A part of the digits: from the same side of the split, labelled by place.
    part = build(type="Digits", split="test", digits=[7, 2])
    assert part.classes == ["7", "2"]
    for place, digit in enumerate((7, 2)):
        assert torch.equal(part.images[part.labels == place], test.images[test.labels == digit])
    other = build(type="Digits", split="test", seed=1)
    assert not torch.equal(other.labels, test.labels)
    sides = [build(type="Digits", split=side, test_size=797) for side in ("train", "test")]
    assert [len(side) for side in sides] == [1000, 797]
    with pytest.raises(InputError, match="test_size=3 of Digits: "):
        build(type="Digits", split="test", test_size=3)
    for wrong in (
        dict(split="val"),
        dict(split="test", digits=[1, 1]),
        dict(split="test", digits=[10]),
    ):
        with pytest.raises(InputError):
            build(type="Digits", **wrong)


@pytest.mark.parametrize("workers", [1, 2])
def test_mmengines_loader_gives_every_image_once_a_process(workers, monkeypatch):
    config = dict(
        batch_size=64,
        num_workers=0,
        sampler=dict(type="DefaultSampler", shuffle=True),
        collate_fn=dict(type="identity_collate"),
        dataset=dict(type="Digits", split="test"),
    )
    data, seen = build(type="Digits", split="test"), []
    for rank in range(workers):
        monkeypatch.setattr(sampler, "get_dist_info", lambda rank=rank: (rank, workers))
        batches = list(Runner.build_dataloader(config, seed=5))
        assert [len(b["labels"]) for b in batches[:-1]] == [64] * (len(batches) - 1)
        assert all(b["inputs"].is_contiguous(memory_format=torch.channels_last) for b in batches)
        seen += [(*i.flatten().tolist(), int(y)) for b in batches for i, y in zip(*b.values())]
    expected = [
        (*i.flatten().tolist(), int(y))
        for i, y in zip(data.images.permute(0, 3, 1, 2), data.labels)
    ]
    assert seen != expected and sorted(seen) == sorted(expected)
