"""What a trained network makes of noisy weights and of disturbed pictures; its calibration."""

from bsam_suite.robustness.hook import RobustnessHook

__all__ = ["RobustnessHook"]
