"""The shipped configs of OpenMMLab's packages that ``openmmlab.py`` trains, and their options.

Options change paths, the number of steps, the size of batches and pictures, and leave out
pretrained weights, which would be downloaded. Models, losses, augmentations, optimizers and
schedules are as the packages ship them.
"""

from __future__ import annotations

from typing import NamedTuple

LOADERS = [
    f"{split}_dataloader.{option}"
    for split in ("train", "val", "test")
    for option in ("batch_size=2", "num_workers=0", "persistent_workers=False")
]
TRAIN_LOADER = LOADERS[:3]
SCORED = ("val", "test")


class Case(NamedTuple):
    """A config and its options.

    Attributes:
        config: ``PACKAGE::FILE``.
        options: of ``--cfg-options``; ``DATA`` is the folder of the data.
        probe: the config that evaluates what this one has trained, where it has no evaluation, and
            its options; ``CHECKPOINT`` is what was trained.
    """

    config: str
    options: list[str]
    probe: Case | None = None


def _images(*splits: str, at: str = "DATA/imagenet") -> list[str]:
    return [f"{split}_dataloader.dataset.data_root={at}" for split in splits]


def _scored(*options: str) -> list[str]:
    """Options of validation's loader and the test's."""
    return [f"{split}_dataloader.dataset.{option}" for split in SCORED for option in options]


def _classifier(config: str, *options: str) -> Case:
    paths = _images("train", "val", "test")
    return Case(config, [*LOADERS, *paths, "train_cfg.max_epochs=1", *options])


def _self_supervised(config: str, probe: str, *options: str) -> Case:
    weights = "model.backbone.init_cfg.checkpoint=CHECKPOINT"
    paths = _images("train")
    return Case(
        config,
        [*TRAIN_LOADER, *paths, "train_cfg.max_epochs=1", *VIEWS, *options],
        _classifier(probe, weights, *SMALL),
    )


def _detector(config: str, *options: str) -> Case:
    epoch = ["train_cfg.max_epochs=1", "train_cfg.val_interval=1"]
    return Case(
        config, [*LOADERS, "data_root=DATA/coco", *epoch, "model.backbone.init_cfg=None", *options]
    )


def _segmenter(config: str, data: str, weights: str, *options: str) -> Case:
    steps = ["train_cfg.max_iters=2", "train_cfg.val_interval=2"]
    size = ["model.data_preprocessor.size=(64,64)", *_scored("pipeline.1.scale=(256,64)")]
    return Case(config, [*LOADERS, f"data_root=DATA/{data}", *steps, weights, *size, *options])


SMALL = [
    "train_dataloader.dataset.pipeline.1.scale=64",
    *_scored("pipeline.1.scale=72", "pipeline.2.crop_size=64"),
]
VIEWS = ["train_dataloader.dataset.pipeline.1.transforms.0.0.scale=64"]
BOXES = [
    "train_dataloader.dataset.pipeline.2.scale=(64,64)",
    *_scored("pipeline.1.scale=(64,64)"),
]
FEW_SCORES = ["model.test_cfg.score_thr=0.005"]  # an untrained model has no higher ones
CROPS = ["pipeline.2.scale=(256,64)", "pipeline.3.crop_size=(64,64)"]
VOC_CROPS = [
    f"train_dataloader.dataset.datasets.{part}.{option}"
    for part in (0, 1)
    for option in (*CROPS, "pipeline.6.size=(64,64)")
]
MOSAIC = [
    f"train_dataloader.dataset.pipeline.{option}"
    for option in (
        "2.img_scale=(64,64)",
        "3.scale=(128,128)",
        "4.crop_size=(64,64)",
        "7.size=(64,64)",
        "8.img_scale=(64,64)",
    )
]
CHOICES = [
    f"train_dataloader.dataset.pipeline.3.transforms.{option}"
    for option in (
        "0.0.scales=[(64,128)]",
        "1.0.scales=[(64,128)]",
        "1.1.crop_size=(48,48)",
        "1.2.scales=[(64,128)]",
    )
]

CASES = {
    "mmpretrain": [
        _classifier("mmpretrain::resnet/resnet18_8xb32_in1k.py", *SMALL),
        # Where training ends before the warm-up does, MMEngine asks for the other schedule's end.
        _classifier("mmpretrain::deit/deit-tiny_4xb256_in1k.py", "param_scheduler.1.end=300"),
        _self_supervised(
            "mmpretrain::simclr/simclr_resnet50_8xb32-coslr-200e_in1k.py",
            "mmpretrain::simclr/benchmarks/resnet50_8xb512-linear-coslr-90e_in1k.py",
        ),
        _self_supervised(
            "mmpretrain::mocov2/mocov2_resnet50_8xb32-coslr-200e_in1k.py",
            "mmpretrain::mocov2/benchmarks/resnet50_8xb32-linear-steplr-100e_in1k.py",
        ),
    ],
    "mmdet": [
        _detector("mmdet::retinanet/retinanet_r50_fpn_1x_coco.py", *BOXES, *FEW_SCORES),
        _detector(
            "mmdet::rtmdet/rtmdet_tiny_8xb32-300e_coco.py",
            *MOSAIC,
            *_scored("pipeline.1.scale=(64,64)", "pipeline.2.size=(64,64)"),
        ),
        _detector(
            "mmdet::detr/detr_r50_8xb2-150e_coco.py",
            *CHOICES,
            *_scored("pipeline.1.scale=(64,64)"),
        ),
        _detector(
            "mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py",
            *BOXES,
            "model.test_cfg.rcnn.score_thr=0.005",
        ),
    ],
    "mmseg": [
        _segmenter(
            "mmseg::fcn/fcn_r50-d8_4xb4-20k_voc12aug-512x512.py",
            "voc",
            "model.pretrained=None",
            *VOC_CROPS,
        ),
        _segmenter(
            "mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py",
            "ade",
            "model.backbone.init_cfg=None",
            *(f"train_dataloader.dataset.{option}" for option in CROPS),
        ),
        _segmenter(
            "mmseg::upernet/upernet_r18_4xb4-20k_voc12aug-512x512.py",
            "voc",
            "model.pretrained=None",
            *VOC_CROPS,
        ),
    ],
}
"""By package."""

REFUSED = {
    "mmdet": {
        "mmdet::dcn/faster-rcnn_r50-dconv-c3-c5_fpn_1x_coco.py": "deform_conv_forward",
        "mmdet::carafe/faster-rcnn_r50_fpn-carafe_1x_coco.py": "carafe_forward",
    },
    "mmseg": {
        "mmseg::psanet/psanet_r50-d8_4xb4-20k_voc12aug-512x512.py": "psamask_forward",
    },
}
"""Configs whose models need ops that mmcv-lite lacks, and the op that the refusal names."""
