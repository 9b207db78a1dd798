"""The built-in people as masks: persons before a background, or their parts."""

from __future__ import annotations

import os

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from tasks.pose.people import PARTS, write_people


@DATASETS.register_module()
class PersonParts(BaseSegDataset):
    """Parts of the people that come with the suite: head, torso, upper and lower arms and legs.

    The people are written first where ``data_root`` is missing.

    Args:
        data_root: their folder.
        **kwargs: as of MMSegmentation's ``BaseSegDataset``.
    """

    METAINFO = dict(
        classes=PARTS,
        palette=[
            [0, 0, 0],
            [220, 50, 47],
            [38, 139, 210],
            [255, 190, 60],
            [133, 200, 40],
            [170, 80, 200],
            [60, 200, 190],
        ],
    )
    #: A float model of them is trained where a quantized one asks for it.
    embedded = True

    def __init__(self, data_root: str, **kwargs) -> None:
        if not os.path.exists(data_root):
            write_people(data_root)
        super().__init__(data_root=data_root, **kwargs)


@DATASETS.register_module()
class Persons(PersonParts):
    """The people that come with the suite, whichever part, before the background.

    Args:
        data_root: their folder.
        **kwargs: as of MMSegmentation's ``BaseSegDataset``.
    """

    METAINFO = dict(classes=("background", "person"), palette=[[0, 0, 0], [220, 50, 47]])

    @classmethod
    def get_label_map(cls, new_classes=None) -> dict[int, int]:
        """The class of each part."""
        return {part: min(part, 1) for part in range(len(PARTS))}
