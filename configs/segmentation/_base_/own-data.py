"""What all recipes share that are not on the built-in people."""

custom_imports = dict(imports=["tasks.segmentation.register_all"])
resolve = [dict(type="follow_classes"), dict(type="workers_by_cores")]
preflight = [dict(type="check_masks"), dict(type="pretrained_backbone")]
custom_hooks = [
    dict(type="SyncBuffersHook"),
    dict(type="MaskSheetHook"),
    dict(type="CurvesHook", metric="mIoU"),
]
