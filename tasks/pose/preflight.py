"""Prepares and checks the data of a pose config before training or evaluation starts."""

from __future__ import annotations

from mmengine.config import Config
from mmengine.registry import FUNCTIONS
from mmpose.registry import DATASETS

from bsam_suite.errors import InputError, listed
from tasks.pose.check.training import check_splits, evaluated, split_of
from tasks.pose.coco_files import read_annotations
from tasks.pose.dataset import AnyCategoryCocoDataset, read_detections
from tasks.pose.follow_keypoints import check_keypoints
from tasks.pose.people.of_config import write_people_of


@FUNCTIONS.register_module()
def prepare_people(cfg: Config) -> None:
    """Print that the generated people are used, and write them if they do not exist."""
    write_people_of(cfg, "For COCO: put it in data/coco or add --cfg-options data_root=DIR")
    _check_boxes(cfg)


@FUNCTIONS.register_module()
def check_coco(cfg: Config) -> None:
    """Check every COCO keypoint data set in the config, as ``tools/check_dataset.py`` does.

    Image files must exist but are not opened. Faults that do not stop the training are printed.

    Raises:
        InputError: a fault would make training crash or give wrong results.
    """
    print(
        f"Data: COCO keypoints in {cfg.data_root}. For the suite's synthetic people use "
        "configs/pose/hrnet-tiny_bsam_people-128x96.py",
        flush=True,
    )
    check_keypoints(cfg, check_splits(cfg))
    _check_boxes(cfg)


def _check_boxes(cfg: Config) -> None:
    """Check the detections whose boxes validation and test use."""
    for loader, dataset in evaluated(cfg):
        boxes = dataset.get("bbox_file")
        if not boxes:
            continue
        annotations = split_of(dataset).annotations
        try:
            content = read_annotations(annotations)
            found = read_detections(boxes, content, annotations)
            others = {entry["category_id"] for entry in found} - {1}
            if others and not issubclass(DATASETS.get(dataset.type), AnyCategoryCocoDataset):
                raise InputError(
                    f"{boxes} has category_id {listed(sorted(others), 10)}, but {dataset.type} "
                    f"takes only 1: set {loader}.dataset.type=AnyCategoryCocoDataset"
                )
        except InputError as error:
            raise InputError(
                f"{loader}.dataset.bbox_file: {error}: give COCO detections of these images, or "
                "set it to '' to evaluate with ground-truth boxes"
            ) from error
