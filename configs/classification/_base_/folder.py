"""A folder of images (``--cfg-options data_root=DIR``), the 200 epochs of arXiv 2409.13173.

``image_size=SIDE`` cuts all images to one square size; without it they have to be of one size.
"""

_base_ = []  # before the import, or MMEngine takes this for a config of its other kind

from bsam_suite.engine.config import cfg_option

custom_imports = dict(imports=["tasks.classification.register_all"])
data_root = "data/images"
image_size = cfg_option("image_size")
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

in_memory = dict(num_workers=0, collate_fn=dict(type="identity_collate"))
train_dataloader = dict(
    **in_memory,
    batch_size=128,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(
        type="LabelNoise",
        rate=0.0,
        dataset=dict(
            type="InMemoryImageFolder", data_root=data_root, split="train", size=image_size
        ),
    ),
)
val_dataloader = dict(
    **in_memory,
    batch_size=500,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="InMemoryImageFolder", data_root=data_root, split="val", size=image_size),
)
test_dataloader = dict(
    **in_memory,
    batch_size=500,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(type="InMemoryImageFolder", data_root=data_root, split="test", size=image_size),
)
val_evaluator = test_evaluator = dict(type="TopAccuracy")

# The learning rate falls over whatever number of epochs the command line asks for.
epochs = cfg_option("train_cfg.max_epochs", 200)
train_cfg = dict(by_epoch=True, max_epochs=epochs, val_interval=5)
val_cfg = test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.05, momentum=0.9, weight_decay=1e-3))
param_scheduler = [dict(type="CosineAnnealingLR", end=epochs, convert_to_iter_based=True)]
auto_scale_lr = dict(base_batch_size=128)

env_cfg = dict(cudnn_benchmark=True)
default_hooks = dict(
    logger=dict(type="LoggerHook", interval=50),
    checkpoint=dict(type="CheckpointHook", interval=5, max_keep_ckpts=2),
)
custom_hooks = [dict(type="SyncBuffersHook"), dict(type="CurvesHook", metric="accuracy")]

del in_memory, epochs  # no options of the command line
