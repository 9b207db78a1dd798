"""What the recipes on COCO share.

MMEngine lets no two bases set the same field, so what MMPose's configs set as well stands in
``coco``: each recipe takes it from there.
"""

custom_imports = dict(imports=["tasks.pose.register_all"])
preflight = [dict(type="check_coco"), dict(type="pretrained_backbone")]

# MMPose's description of the keypoints, or a part of it such as ``sigmas``; what it leaves out is
# that of the annotation file, and data sets and head follow.
metainfo = dict()
resolve = [dict(type="follow_keypoints"), dict(type="workers_by_cores")]

coco = dict(
    own=dict(
        LoadImage="LoadWholeImage",
        RandomFlip="FastRandomFlip",
        RandomBBoxTransform="FastRandomBBoxTransform",
    ),
    train_dataloader=dict(collate_fn=dict(type="pose_collate")),
    # Boxes of the ground truth; those of a detector by val_dataloader.dataset.bbox_file=FILE.
    val_dataloader=dict(dataset=dict(type="AnyCategoryCocoDataset", bbox_file="")),
    custom_hooks=[
        dict(type="SyncBuffersHook"),
        dict(type="ContactSheetHook"),
        dict(type="CurvesHook", metric="coco/AP"),
    ],
)
