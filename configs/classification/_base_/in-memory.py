"""What recipes on images in memory share: ResNet-18, SGD and a cosine, whatever the images."""

custom_imports = dict(imports=["tasks.classification.register_all"])
resolve = [dict(type="resize_images")]
preflight = [dict(type="check_images")]

model = dict(
    type="ImageClassifier",
    net=dict(type="CIFARResNet18"),
    label_smoothing=0.1,
    data_preprocessor=dict(type="ImagePreprocessor"),
)
train_dataloader = dict(
    num_workers=0,
    collate_fn=dict(type="identity_collate"),
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(type="LabelNoise", rate=0.0),
)
val_dataloader = test_dataloader = dict(
    num_workers=0,
    collate_fn=dict(type="identity_collate"),
    sampler=dict(type="DefaultSampler", shuffle=False),
)
val_evaluator = test_evaluator = dict(type="TopAccuracy")

train_cfg = dict(by_epoch=True, val_interval=5)
val_cfg = test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=1e-3))
# Without an end it ends with the training.
param_scheduler = [dict(type="CosineAnnealingLR", convert_to_iter_based=True)]

default_hooks = dict(
    logger=dict(type="LoggerHook"),
    checkpoint=dict(type="CheckpointHook", interval=5, max_keep_ckpts=2),
)
custom_hooks = [dict(type="SyncBuffersHook"), dict(type="CurvesHook", metric="accuracy")]
