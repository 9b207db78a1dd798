"""The small HRNet at 128x96 on COCO (``--cfg-options data_root=DIR``) with BSAM.

It is trained for longer than on the people.
"""

_base_ = "./hrnet-tiny_bsam_people-128x96.py"

data_root = "data/coco"
metainfo = dict()  # as on the larger networks
resolve = [
    dict(type="follow_keypoints"),
    dict(type="workers_by_cores"),
    dict(type="drop_late_schedules"),
]
preflight = [dict(type="check_coco")]

train_dataloader = dict(
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    collate_fn=dict(type="pose_collate"),
    dataset=dict(type="CocoDataset", data_root=data_root),
)
val_dataloader = test_dataloader = dict(
    num_workers=2,
    persistent_workers=True,
    dataset=dict(type="AnyCategoryCocoDataset", data_root=data_root),
)
val_evaluator = test_evaluator = dict(
    ann_file=f"{data_root}/annotations/person_keypoints_val2017.json"
)

train_cfg = dict(max_epochs=210, val_interval=30)
param_scheduler = [
    dict(type="LinearLR", end=5, start_factor=0.01, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", begin=5, eta_min=2e-4, convert_to_iter_based=True),
]
default_hooks = dict(checkpoint=dict(interval=30))
