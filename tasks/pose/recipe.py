"""What the COCO recipes share: each imports the fields it takes from here.

Configs that MMPose ships name all their fields, and MMEngine lets no two files of one ``_base_``
name the same field.
"""

from __future__ import annotations

import os

custom_imports = dict(imports=["tasks.pose.register_all"])
preflight = [dict(type="check_coco"), dict(type="pretrained_backbone")]

#: MMPose's description of the keypoints, or a part of it such as ``sigmas``; what it leaves out is
#: that of the annotation file, and data sets and head follow.
metainfo = dict()
resolve = [dict(type="follow_keypoints")]

custom_hooks = [
    dict(type="SyncBuffersHook"),
    dict(type="ContactSheetHook"),
    dict(type="CurvesHook", metric="coco/AP"),
]


def workers() -> int:
    """Loader processes for each training process: a core each, from 2 to 16."""
    cores = len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    return min(max(cores, 2), 16)


in_workers = dict(num_workers=workers(), collate_fn=dict(type="pose_collate"))

#: Boxes of the ground truth; those of a detector by ``val_dataloader.dataset.bbox_file=FILE``.
val_dataloader = test_dataloader = dict(
    num_workers=workers(), dataset=dict(type="AnyCategoryCocoDataset", bbox_file="")
)

QUICK = {"RandomFlip": "QuickRandomFlip", "RandomBBoxTransform": "QuickRandomBBoxTransform"}


def quick(base: dict) -> tuple[list[dict], dict]:
    """The training data of one of MMPose's configs, the same persons in less time.

    Args:
        base: one of MMPose's configs.

    Returns:
        ``train_pipeline`` and ``train_dataloader``.
    """
    pipeline = _quick(base.train_pipeline)
    return pipeline, dict(**in_workers, dataset=dict(pipeline=pipeline))


def _quick(pipeline: list[dict]) -> list[dict]:
    return [{**step, "type": QUICK.get(step["type"], step["type"])} for step in pipeline]


def rtmpose(base: dict) -> tuple[dict, list, list, dict, list]:
    """RTMPose's fields by parts that are here, not MMDetection's and Albumentations'.

    Args:
        base: one of MMPose's configs of it.

    Returns:
        ``model``, ``train_pipeline``, ``train_pipeline_stage2``, ``train_dataloader`` and
        ``custom_hooks``.
    """
    pipelines = (base.train_pipeline, base.train_pipeline_stage2)
    first, last = (_quick(_without_mmdet(pipeline)) for pipeline in pipelines)
    change = dict(
        type="PipelineSwitchHook", num_last_epochs=base.stage2_num_epochs, switch_pipeline=last
    )
    averaged_weights = base.custom_hooks[0]
    return (
        dict(backbone=dict(_scope_="mmpose")),
        first,
        last,
        dict(**in_workers, dataset=dict(pipeline=first)),
        [averaged_weights, change, *custom_hooks],
    )


def _without_mmdet(pipeline: list[dict]) -> list[dict]:
    return [_replacement(step) for step in pipeline]


def _replacement(step: dict) -> dict:
    if step["type"] == "mmdet.YOLOXHSVRandomAug":
        return dict(type="YOLOXHSVRandomAug")  # MMPose has it too
    if step["type"] == "Albumentation":
        blur, median, hole = (transform["p"] for transform in step["transforms"])
        return dict(type="BlurAndErase", blur=blur, median=median, erase=hole)
    return step
