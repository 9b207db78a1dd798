"""HRNet-W32 on COCO with MMPose's 210-epoch recipe, evaluated with ground-truth boxes."""

_base_ = "mmpose::body_2d_keypoint/topdown_heatmap/coco/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py"

custom_imports = dict(imports=["tasks.pose.parts"])
preflight = [dict(type="check_coco"), dict(type="pretrained_backbone")]

val_dataloader = dict(dataset=dict(bbox_file=""))
test_dataloader = val_dataloader
custom_hooks = [
    dict(type="SyncBuffersHook"),
    dict(type="ContactSheetHook"),
    dict(type="CurvesHook", metric="coco/AP"),
]
