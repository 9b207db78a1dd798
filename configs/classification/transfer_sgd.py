"""Fine-tune to other classes with plain SGD: a ``data_root``, else digits; few labels."""

_base_ = "./_base_/digits-5-9.py"
