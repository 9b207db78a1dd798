"""RTMPose's augmentation: what it does to the image, and when the pipeline changes."""

from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger
from torch.utils.data import DataLoader

import tasks.pose.register_all  # noqa: F401
from bsam_suite.errors import InputError
from tasks.pose.augment import BlurAndErase, PipelineSwitchHook


def picture(height=50, width=80):
    return np.random.default_rng(0).integers(1, 256, (height, width, 3)).astype(np.uint8)


def test_one_rectangle_is_erased():
    image = picture()
    sides, corners = [], []
    for _ in range(200):
        seen = BlurAndErase(blur=0, median=0, erase=1)({"img": image})["img"]
        black = (seen == 0).all(2)
        rows, columns = np.flatnonzero(black.any(1)), np.flatnonzero(black.any(0))
        assert black[np.ix_(rows, columns)].all() and black.sum() == len(rows) * len(columns)
        np.testing.assert_array_equal(seen[~black], image[~black])
        sides.append((len(rows) / 50, len(columns) / 80))
        corners.append((rows[0], columns[0], 49 - rows[-1], 79 - columns[-1]))
    assert np.min(sides) >= 0.2 - 1 / 50 and np.max(sides) <= 0.4
    np.testing.assert_allclose(np.mean(sides, 0), 0.3, atol=0.02)
    assert np.min(corners) == 0  # it reaches every border
    assert (image > 0).all()  # the picture given is left alone


@pytest.mark.parametrize("how", ["blur", "median"])
def test_blurs(how):
    off = dict(blur=0, median=0, erase=0)
    image = picture()
    flat = np.full_like(image, 90)
    np.testing.assert_array_equal(BlurAndErase(**off | {how: 1})({"img": flat})["img"], 90)
    blurred = BlurAndErase(**off | {how: 1})({"img": image})["img"]
    assert blurred.std() < 0.6 * image.std() and abs(blurred.mean() - image.mean()) < 3
    np.testing.assert_array_equal(BlurAndErase(**off)({"img": image})["img"], image)


def test_each_happens_as_often_as_it_says():
    step = BlurAndErase(blur=0, median=0, erase=0.25)
    erased = [(step({"img": picture(10, 10)})["img"] == 0).any() for _ in range(400)]
    assert 0.18 < np.mean(erased) < 0.32
    with pytest.raises(InputError, match="erase=2 in BlurAndErase"):
        BlurAndErase(erase=2)


class Numbers(BaseDataset):
    """Samples 0 to 3, as the pipeline leaves them."""

    def load_data_list(self):
        return [dict(value=i) for i in range(4)]


class Add:
    def __init__(self, number):
        self.number = number

    def __call__(self, results):
        return results["value"] + self.number


@pytest.mark.parametrize("workers", [0, 1])
def test_the_last_epochs_have_their_own_pipeline(workers):
    data = Numbers(pipeline=[Add(0)], serialize_data=False)
    loader = DataLoader(data, batch_size=None, num_workers=workers, persistent_workers=workers > 0)
    logger = MMLogger.get_current_instance()
    runner = SimpleNamespace(epoch=0, max_epochs=5, train_dataloader=loader, logger=logger)
    hook = PipelineSwitchHook(num_last_epochs=2, switch_pipeline=[Add(10)])
    seen = []
    for runner.epoch in range(5):
        hook.before_train_epoch(runner)
        seen.append(next(iter(list(loader))))
    assert seen == [0, 0, 0, 10, 10]
    with pytest.raises(InputError, match="epochs=0"):
        PipelineSwitchHook(num_last_epochs=0, switch_pipeline=[])
