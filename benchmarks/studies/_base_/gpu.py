"""ResNet-18 on CIFAR-10 for a GPU: bfloat16, channels-last, compiled."""

_base_ = "../../../configs/classification/_base_/folder.py"
model = dict(compile=True, label_smoothing=0.0)
optim_wrapper = dict(
    type="AmpOptimWrapper", dtype="bfloat16", optimizer=dict(lr=0.1, weight_decay=5e-4)
)
