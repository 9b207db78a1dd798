"""The quick augmentation against MMPose's own, from the same seeds."""

from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DATASETS
from scipy.stats import truncnorm

import tasks.pose.register_all  # noqa: F401
from bsam_suite.engine.config import load_config
from tasks.pose.fast_transforms import (
    FastRandomBBoxTransform,
    FastRandomFlip,
    RandomBBoxTransform,
    RandomFlip,
)

CONFIGS = Path(__file__).parents[3] / "configs/pose"


def person(seed):
    rng = np.random.default_rng(seed)
    return dict(
        img=rng.integers(0, 256, (50, 40, 3)).astype(np.uint8),
        img_shape=(50, 40),
        bbox=rng.uniform(0, 40, (1, 4)).astype(np.float32),
        bbox_center=rng.uniform(0, 40, (1, 2)).astype(np.float32),
        bbox_scale=rng.uniform(10, 30, (1, 2)).astype(np.float32),
        keypoints=rng.uniform(0, 40, (1, 17, 2)).astype(np.float32),
        keypoints_visible=rng.integers(0, 2, (1, 17)).astype(np.float32),
        flip_indices=rng.permutation(17).tolist(),
    )


def both(kinds, how, seed):
    """What MMPose's step and ours make of one person, and the number each would draw next."""
    made = []
    for kind in kinds:
        step = kind(**how)
        np.random.seed(seed)
        made.append({**step(person(seed)), "next number": np.random.rand()})
    return made


@pytest.mark.parametrize(
    "how",
    [
        dict(direction="horizontal"),
        dict(direction="vertical", prob=0.7),
        dict(direction=["horizontal", "vertical", "diagonal"], prob=[0.3, 0.3, 0.3]),
    ],
)
def test_flip(how):
    seen = set()
    for seed in range(60):
        expected, found = both((RandomFlip, FastRandomFlip), how, seed)
        assert found.keys() == expected.keys()
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name])
        assert found["img"].flags.c_contiguous
        seen.add(found["flip_direction"])
    assert seen == {None, *np.atleast_1d(how["direction"])}


def test_boxes():
    how = dict(shift_factor=0.1, scale_factor=(0.6, 1.4), rotate_factor=80)
    turned = []
    for seed in range(200):
        expected, found = both((RandomBBoxTransform, FastRandomBBoxTransform), how, seed)
        assert found.keys() == expected.keys()
        for name in expected:
            assert np.asarray(found[name]).dtype == np.asarray(expected[name]).dtype
            np.testing.assert_allclose(found[name], expected[name], rtol=3e-7, atol=1e-9)
        assert found["next number"] == expected["next number"]
        turned.append(found["bbox_rotation"][0])
    assert 0.4 < np.count_nonzero(turned) / 200 < 0.8 and 60 < np.abs(turned).max() <= 80


@pytest.mark.parametrize("limits", [(-1.0, 1.0), (-0.3, 2.0), (0.5, 1.5)])
def test_truncated_normal_numbers(limits):
    np.random.seed(3)
    expected = truncnorm.rvs(*limits, size=(5000, 4))
    np.random.seed(3)
    found = FastRandomBBoxTransform._truncnorm(*limits, size=(5000, 4))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["hrnet-w32_adam", "simcc-r50_adam", "rtmpose-s_adamw"])
def test_recipes_train_on_the_same_pictures_and_targets(people, name):
    cfg = load_config(str(CONFIGS / f"{name}_coco-256x192.py"), {"data_root": str(people)})
    quick = cfg.train_dataloader.dataset
    usual = quick.copy()
    usual.pipeline = [{**s, "type": s["type"].removeprefix("Fast")} for s in quick.pipeline]
    assert usual.pipeline != quick.pipeline
    made = []
    for config in (usual, quick):
        dataset = DATASETS.build(dict(config, _scope_="mmpose"))
        np.random.seed(0)
        made.append([dataset[i] for i in range(len(dataset))])
    for theirs, ours in zip(*made, strict=True):
        assert ours["inputs"].equal(theirs["inputs"])
        expected, found = (targets(sample["data_samples"]) for sample in (theirs, ours))
        assert len(expected) > 1 and expected.keys() == found.keys()
        assert all(found[key].equal(expected[key]) for key in expected)


def targets(sample):
    parts = [sample.get(part, ()) for part in ("gt_fields", "gt_instance_labels")]
    return {key: value for part in parts if part for key, value in part.items()}
