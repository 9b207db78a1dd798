"""The small HRNet on the built-in people at 96x64, half of the usual pixels: many runs."""

_base_ = "../../../configs/pose/hrnet-tiny_adam_people-128x96.py"

codec = dict(input_size=(64, 96), heatmap_size=(16, 24))
model = dict(head=dict(decoder=codec))
train_pipeline = _base_.train_pipeline
val_pipeline = _base_.val_pipeline
for step in [*train_pipeline, *val_pipeline]:
    if step["type"] == "TopdownAffine":
        step["input_size"] = codec["input_size"]
    if step["type"] == "GenerateTarget":
        step["encoder"] = {**step["encoder"], **codec}
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=val_pipeline))
