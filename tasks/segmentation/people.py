"""The built-in people as masks: persons before a background, or their parts."""

from __future__ import annotations

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from tasks.pose.people import PARTS


@DATASETS.register_module()
class PersonParts(BaseSegDataset):
    """Parts of the built-in people: head, torso, upper and lower arms and legs.

    Args:
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


@DATASETS.register_module()
class Persons(BaseSegDataset):
    """The built-in people, whichever part, before the background.

    Args:
        **kwargs: as of MMSegmentation's ``BaseSegDataset``.
    """

    METAINFO = dict(classes=("background", "person"), palette=[[0, 0, 0], [220, 50, 47]])

    @classmethod
    def get_label_map(cls, new_classes=None) -> dict[int, int]:
        """The class of each part."""
        return {part: min(part, 1) for part in range(len(PARTS))}
