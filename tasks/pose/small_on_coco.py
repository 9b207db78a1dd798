"""What the small networks share on COCO, where they are trained for longer than on the people."""

from __future__ import annotations

from tasks.pose.recipe import in_workers, metainfo, resolve  # noqa: F401

data_root = "data/coco"
preflight = [dict(type="check_coco")]
train_dataloader = dict(
    **in_workers, persistent_workers=True, dataset=dict(data_root=data_root), drop_last=False
)
val_dataloader = dict(
    num_workers=in_workers["num_workers"],
    persistent_workers=True,
    dataset=dict(data_root=data_root),
)
test_dataloader = val_dataloader
val_evaluator = dict(ann_file=f"{data_root}/annotations/person_keypoints_val2017.json")
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=210, val_interval=30)
param_scheduler = [
    dict(type="LinearLR", end=5, start_factor=0.01, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", begin=5, end=210, eta_min=2e-4, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=30))
