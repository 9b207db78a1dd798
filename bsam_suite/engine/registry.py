"""The registry of sharpness-aware rules; a new rule needs one more line here or in user code."""

from mmengine.registry import Registry

from bsam_suite.sharpness import BSAM, SAM

RULES = Registry("sharpness rule", locations=["bsam_suite.engine"])
RULES.register_module(module=SAM)
RULES.register_module(module=BSAM)
