"""Prepares and checks the data of a segmentation config before training or evaluation starts."""

from __future__ import annotations

from mmengine.config import Config
from mmengine.registry import FUNCTIONS

from tasks.pose.people.of_config import write_people_of


@FUNCTIONS.register_module()
def prepare_masks_of_people(cfg: Config) -> None:
    """Print that the generated people are used, and write them if they do not exist."""
    write_people_of(cfg, "For your own images and masks add --cfg-options data_root=DIR")
