"""What the COCO recipes share: each imports the fields it takes from here.

Configs that MMPose ships name all their fields, and MMEngine lets no two files of one ``_base_``
name the same field.
"""

from __future__ import annotations

custom_imports = dict(imports=["tasks.pose.parts"])
preflight = [dict(type="check_coco"), dict(type="pretrained_backbone")]

#: Boxes of the ground truth; those of a detector by ``val_dataloader.dataset.bbox_file=FILE``.
val_dataloader = test_dataloader = dict(dataset=dict(bbox_file=""))

custom_hooks = [
    dict(type="SyncBuffersHook"),
    dict(type="ContactSheetHook"),
    dict(type="CurvesHook", metric="coco/AP"),
]


def without_mmdet(pipeline: list[dict]) -> list[dict]:
    """RTMPose's ``pipeline`` by parts that are here, not MMDetection's and Albumentations'."""
    return [_replacement(step) for step in pipeline]


def _replacement(step: dict) -> dict:
    if step["type"] == "mmdet.YOLOXHSVRandomAug":
        return dict(type="YOLOXHSVRandomAug")  # MMPose has it too
    if step["type"] == "Albumentation":
        blur, median, hole = (transform["p"] for transform in step["transforms"])
        return dict(type="BlurAndErase", blur=blur, median=median, erase=hole)
    return step
