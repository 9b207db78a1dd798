"""The float pose model; ``--cfg-options float_config=FILE`` takes its place."""

_base_ = "../../pose/hrnet_adam.py"
replaced_by = [dict(option="float_config")]
