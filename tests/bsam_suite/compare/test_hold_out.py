"""The part that is cut off the training data."""

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS
from torch.utils.data import DataLoader, Dataset

from bsam_suite.compare.hold_out import Part, hold_out
from bsam_suite.errors import InputError


@DATASETS.register_module()
class Photographs(Dataset):
    """Ten photographs, with two persons in each other one."""

    metainfo = dict(classes=["person"])

    def __init__(self, pipeline=(), images=10):
        self.infos = [dict(img_id=i) for i in range(images) for _ in range(1 + i % 2)]

    def __len__(self):
        return len(self.infos)

    def __getitem__(self, index):
        return self.infos[index]["img_id"]

    def get_data_info(self, index):
        return self.infos[index]


@DATASETS.register_module()
class Batches(Dataset):
    def __len__(self):
        return 10

    def __getitems__(self, indices):
        return [f"whole batch of {indices}"]


@DATASETS.register_module()
class DrawnTheSameWay(Dataset):
    """Marks 40% of its items by the order that NumPy gives for seed 0, as wrong labels are."""

    def __init__(self):
        self.marked = set(np.random.default_rng(0).permutation(1000)[:400])

    def __len__(self):
        return 1000

    def __getitem__(self, index):
        return index in self.marked


def part(held_out, share=0.3, **kwargs):
    return Part(dict(type="Photographs", **kwargs), share, held_out)


def test_each_photograph_is_on_one_side_with_all_its_persons():
    held_out, rest = (set(part(side)) for side in (True, False))
    assert len(held_out) == 3 and held_out | rest == set(range(10)) and not held_out & rest
    assert len(part(True)) + len(part(False)) == 15
    assert part(True).metainfo == dict(classes=["person"])
    assert list(part(True)) == list(part(True))


def test_the_choice_does_not_repeat_one_that_the_data_made():
    """With the same order all that is held out would be wrong; 0.07 are two standard errors."""
    held_out = Part(dict(type="DrawnTheSameWay"), 0.2, held_out=True)
    assert len(held_out) == 200
    assert abs(sum(held_out[i] for i in range(200)) / 200 - 0.4) < 0.07


def test_it_gives_whole_batches_where_the_whole_does():
    held_out = Part(dict(type="Batches"), 0.3, True)
    (batch,) = DataLoader(held_out, batch_size=3, collate_fn=lambda batch: batch)
    assert batch == [f"whole batch of {held_out.indices}"] and len(held_out.indices) == 3


@pytest.mark.parametrize("images, share", [(1, 0.5), (10, 0.01), (10, 0.99)])
def test_no_part_is_empty(images, share):
    with pytest.raises(InputError, match=f"share={share} of {images} images .*no image on one"):
        part(True, share, images=images)


def test_what_is_held_out_is_prepared_as_for_validation():
    train = dict(type="Noise", dataset=dict(type="Photographs", pipeline=["flip"], augment=True))
    val = dict(type="Photographs", pipeline=["load"], images=3)
    file = dict(type="CocoMetric", ann_file="val.json", prefix="coco")
    cfg = Config(
        dict(
            train_dataloader=dict(dataset=train),
            val_dataloader=dict(dataset=val),
            val_evaluator=[file],
        )
    )
    hold_out(cfg, 0.2)
    assert cfg.train_dataloader.dataset == dict(
        type="Part", dataset=train, share=0.2, held_out=False
    )
    inner = dict(type="Photographs", pipeline=["load"])
    assert cfg.val_dataloader.dataset == dict(
        type="Part", dataset=dict(type="Noise", dataset=inner), share=0.2, held_out=True
    )
    assert cfg.val_evaluator == [dict(type="CocoMetric", prefix="coco")]
