"""The small HRNet at 128x96 on COCO (``--cfg-options data_root=DIR``) with BSAM."""

_base_ = "./hrnet-tiny_bsam_people-128x96.py"

from tasks.pose.small_on_coco import (  # noqa: F401
    data_root,
    default_hooks,
    metainfo,
    param_scheduler,
    preflight,
    resolve,
    test_dataloader,
    test_evaluator,
    train_cfg,
    train_dataloader,
    val_dataloader,
    val_evaluator,
)
