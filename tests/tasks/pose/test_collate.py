"""Batches against those of MMEngine's own collate function."""

import pickle
from pathlib import Path

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS
from torch.utils.data import DataLoader

from bsam_suite.engine.config import load_config
from tasks.pose.collate import ConcatenatedSamples, pose_collate

CONFIGS = Path(__file__).parents[3] / "configs/pose"


@pytest.fixture(scope="module", params=["hrnet-w32_adam", "rtmpose-s_adamw"])
def recipe(request, people):
    path = CONFIGS / f"{request.param}_coco-256x192.py"
    return load_config(str(path), {"data_root": str(people)})


@pytest.fixture(scope="module")
def batches(recipe):
    """The same persons as MMEngine's batch and as ours, both from a worker."""
    dataset = DATASETS.build(dict(recipe.train_dataloader.dataset, _scope_="mmpose"))
    persons = [dataset[i] for i in range(5)]
    return [
        next(iter(DataLoader(persons, batch_size=5, num_workers=1, collate_fn=collate)))
        for collate in (pseudo_collate, pose_collate)
    ]


def content(sample):
    """All that a sample holds of its person, by name."""
    parts = ("gt_fields", "gt_instance_labels", "gt_instances")
    held = [
        (part, key, value)
        for part in parts
        if part in sample
        for key, value in sample.get(part).items()
    ]
    return {(part, key): torch.as_tensor(value) for part, key, value in held}


def test_the_same_persons_arrive(batches):
    usual, ours = batches
    assert ours["inputs"].equal(torch.stack(usual["inputs"]))
    assert len(ours["data_samples"]) == 5
    for expected, found in zip(usual["data_samples"], ours["data_samples"]):
        assert type(found) is type(expected)
        assert repr(found.metainfo) == repr(expected.metainfo)
        one, other = content(expected), content(found)
        assert len(one) > 5 and one.keys() == other.keys()
        assert all(other[key].equal(one[key]) for key in one)


def test_tensors_of_all_persons_lie_in_one(batches):
    storages = {
        value.untyped_storage().data_ptr()
        for sample in batches[1]["data_samples"]
        for (part, _), value in content(sample).items()
        if part != "gt_instances"  # which MMPose leaves as NumPy's
    }
    assert len(storages) == 1


def test_the_network_is_fed_the_same(recipe, batches):
    prepare = MODELS.build(dict(recipe.model.data_preprocessor, _scope_="mmpose"))
    usual, ours = (prepare(batch, training=True) for batch in batches)
    assert ours["inputs"].dtype == torch.float32 and ours["inputs"].equal(usual["inputs"])


def test_tensors_of_any_type_and_shape():
    samples = ConcatenatedSamples(
        [
            dict(a=torch.arange(3), b=torch.rand(2, 4).T, word="x"),
            dict(a=torch.tensor(7.0), b=torch.empty(0, 3), c=[torch.tensor([True, False])]),
        ]
    )
    found = pickle.loads(pickle.dumps(samples))
    assert type(found) is ConcatenatedSamples and found[0]["word"] == "x"
    pairs = [(found[i][k], samples[i][k]) for i in (0, 1) for k in "ab"]
    for one, other in [*pairs, (found[1]["c"][0], samples[1]["c"][0])]:
        assert one.dtype == other.dtype and one.equal(other)
    assert pickle.loads(pickle.dumps(ConcatenatedSamples())) == []
