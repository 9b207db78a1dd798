"""The registry of sharpness-aware rules; a new rule needs one more line here or in user code."""

from mmengine.registry import Registry

from bsam_suite.sharpness import rules

RULES = Registry("sharpness rule", locations=["bsam_suite.engine"])
RULES.register_module(module=rules.SAM)
RULES.register_module(module=rules.ASAM)
RULES.register_module(module=rules.GSAM)
RULES.register_module(module=rules.FriendlySAM)
RULES.register_module(module=rules.GCSAM)
RULES.register_module(module=rules.BSAM)
RULES.register_module(module=rules.AdaptiveBSAM)
