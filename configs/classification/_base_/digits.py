"""scikit-learn's digits with a narrow ResNet-18: a run of one or two minutes on two cores.

``image_size=SIDE`` shows them at another size than 16 pixels; their own is 8.
"""

custom_imports = dict(imports=["tasks.classification.register_all"])
image_size = 16
resolve = [dict(type="resize_images")]
preflight = [dict(type="check_images")]

model = dict(
    type="ImageClassifier",
    net=dict(type="CIFARResNet18", width=16),
    num_classes=10,
    label_smoothing=0.1,
    data_preprocessor=dict(
        type="ImagePreprocessor", mean=[0.305] * 3, std=[0.332] * 3, crop_padding=2
    ),
)


def in_memory(batch_size, shuffle, dataset):
    return dict(
        batch_size=batch_size,
        num_workers=0,
        collate_fn=dict(type="identity_collate"),
        sampler=dict(type="DefaultSampler", shuffle=shuffle),
        dataset=dataset,
    )


train_dataloader = in_memory(
    batch_size=64,
    shuffle=True,
    dataset=dict(
        type="LabelNoise",
        rate=0.0,
        dataset=dict(type="Digits", split="train", size=image_size),
    ),
)
val_dataloader = test_dataloader = in_memory(
    batch_size=256, shuffle=False, dataset=dict(type="Digits", split="test", size=image_size)
)
val_evaluator = test_evaluator = dict(type="TopAccuracy")

train_cfg = dict(by_epoch=True, max_epochs=30, val_interval=5)
val_cfg = test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=1e-3))
# Without an end it ends with the training.
param_scheduler = [dict(type="CosineAnnealingLR", convert_to_iter_based=True)]
auto_scale_lr = dict(base_batch_size=64)

default_hooks = dict(
    logger=dict(type="LoggerHook", interval=10),
    checkpoint=dict(type="CheckpointHook", interval=5, max_keep_ckpts=2),
)
custom_hooks = [dict(type="SyncBuffersHook"), dict(type="CurvesHook", metric="accuracy")]
