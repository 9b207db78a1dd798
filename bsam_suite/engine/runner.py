"""MMEngine's Runner, whose log on the screen keeps to ``--quiet``."""

from __future__ import annotations

import logging

import mmengine.runner
from mmengine.logging import MMLogger

from bsam_suite.quiet import is_quiet, screen


class Runner(mmengine.runner.Runner):
    """Under ``--quiet`` only warnings and errors of its log are seen; the log file has all."""

    def build_logger(self, *args, **kwargs) -> MMLogger:
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers if is_quiet() else ():
            if type(handler) is logging.StreamHandler:
                handler.setStream(screen())
                handler.setLevel(max(handler.level, logging.WARNING))
        return logger
