"""The small HRNet with a SimCC head at 128x96 on the built-in people, plain Adam."""

_base_ = ["./hrnet-tiny_adam_people-128x96.py", "./_base_/simcc-tiny.py"]

codec = _base_.simcc.codec
model = _base_.simcc.model
train_pipeline = [*_base_.train_pipeline[:4], *_base_.simcc.train_pipeline]
val_pipeline = [*_base_.val_pipeline[:2], *_base_.simcc.val_pipeline]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(dataset=dict(pipeline=val_pipeline))
