"""A folder of images and of masks beside them."""

from __future__ import annotations

from pathlib import Path

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

IMAGES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
MASK = ".png"


@DATASETS.register_module()
class MaskFolder(BaseSegDataset):
    """``images/SPLIT/NAME.jpg`` (or another format), each with ``masks/SPLIT/NAME.png``.

    A mask has the size of its image and, at each pixel, the number of a class from 0, or 255 where
    nobody knows. Folders inside of the two may be nested, in both alike.

    Args:
        data_root: the folder.
        split: ``train``, ``val`` or ``test``.
        metainfo: ``classes``, their names in the order of their numbers.
        **kwargs: as of MMSegmentation's ``BaseSegDataset``.
    """

    def __init__(self, data_root: str, split: str, metainfo: dict | None = None, **kwargs) -> None:
        prefix = dict(img_path=f"images/{split}", seg_map_path=f"masks/{split}")
        super().__init__(data_root=data_root, metainfo=metainfo, data_prefix=prefix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """One dict for each image, in the order of their names."""
        images, masks = (Path(self.data_prefix[k]) for k in ("img_path", "seg_map_path"))
        files = sorted(p for p in images.rglob("*") if p.suffix.lower() in IMAGES)
        return [
            dict(
                img_path=str(file),
                seg_map_path=str(masks / file.relative_to(images).with_suffix(MASK)),
                label_map=self.label_map,
                reduce_zero_label=self.reduce_zero_label,
                seg_fields=[],
            )
            for file in files
        ]
