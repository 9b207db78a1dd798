"""A folder of images (``--cfg-options data_root=DIR``), the 200 epochs of arXiv 2409.13173.

``image_size=SIDE`` cuts all images to one square size; without it they have to be of one size.
"""

custom_imports = dict(imports=["tasks.classification.register_all"])
data_root = "data/images"
image_size = None
resolve = [dict(type="resize_images")]
preflight = [dict(type="check_images")]

model = dict(
    type="ImageClassifier",
    net=dict(type="CIFARResNet18"),
    num_classes=None,  # as many as there are folders
    label_smoothing=0.1,
    data_preprocessor=dict(
        type="ImagePreprocessor",
        mean=[0.485, 0.456, 0.406],  # ImageNet's
        std=[0.229, 0.224, 0.225],
        crop_padding=4,
        flip=True,
        cutout=16,
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


def images(split):
    return dict(type="InMemoryImageFolder", data_root=data_root, split=split, size=image_size)


train_dataloader = in_memory(
    batch_size=128, shuffle=True, dataset=dict(type="LabelNoise", rate=0.0, dataset=images("train"))
)
val_dataloader = in_memory(batch_size=500, shuffle=False, dataset=images("val"))
test_dataloader = in_memory(batch_size=500, shuffle=False, dataset=images("test"))
val_evaluator = test_evaluator = dict(type="TopAccuracy")

train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=5)
val_cfg = test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=1e-3))
# Without an end it ends with the training.
param_scheduler = [dict(type="CosineAnnealingLR", convert_to_iter_based=True)]
auto_scale_lr = dict(base_batch_size=128)

env_cfg = dict(cudnn_benchmark=True)
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=50),
    checkpoint=dict(type="CheckpointHook", interval=5, max_keep_ckpts=2),
)
custom_hooks = [dict(type="SyncBuffersHook"), dict(type="CurvesHook", metric="accuracy")]
