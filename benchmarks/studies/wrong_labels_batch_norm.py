"""Wrong labels that a ResNet with batch norm has the time to learn by heart: 1,000 digits."""

_base_ = "wrong_labels.py"
config = "benchmarks/studies/_base_/digits_batch_norm.py"
cells = [{**cell, "config": config} for cell in _base_.cells]
methods = dict(found=dict(settings=dict(rho=0.14, rho_min=0.14)))
