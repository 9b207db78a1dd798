"""A signal that ends a run lets it save first."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any

import torch
from mmengine.dist import barrier, get_comm_device, get_world_size, is_main_process
from mmengine.hooks import Hook

from bsam_suite.engine.checkpoint_hook import AtomicCheckpointHook
from bsam_suite.engine.resume_hook import made_a_step
from bsam_suite.engine.signals import SIGNALS
from bsam_suite.quiet import tell
from bsam_suite.sharpness import Late
from bsam_suite.shell import short

GO_ON = 75
"""Exit status of a run that a signal has stopped: ``EX_TEMPFAIL`` of sysexits.h, try again."""

TOGETHER = 1.0
"""Signals within this many seconds are one: schedulers, shells and torchrun all pass it on."""


class StopHook(Hook):
    """Save at the next step and end, when a signal asks to; a second signal ends at once.

    With several processes, all stop after the same step. Each step adds up on the device whether a
    process has had a signal, and the sum is read one step later, so that no host waits for the
    device. In the middle of accumulated gradients it waits for the step that they are for.

    Used as a context; the handlers are those of before when it ends.
    """

    priority = "LOWEST"

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._signal: tuple[int, float] | None = None
        self._late: Late | None = None

    def __enter__(self) -> StopHook:
        return self

    def __exit__(self, *error) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def before_train(self, runner) -> None:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in SIGNALS}

    def _note(self, number: int, _) -> None:
        now = time.monotonic()
        if self._signal is None:
            self._signal = number, now
            # print() is not allowed to interrupt another one.
            os.write(2, b"\nStopping: saves after this step. Again: ends at once\n")
        elif now - self._signal[1] > TOGETHER:
            signal.signal(number, self._before[number])
            signal.raise_signal(number)  # in this thread, before it does anything else

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Save and end the process, if it is to stop.

        Raises:
            SystemExit: with the status :data:`GO_ON`.
        """
        if not made_a_step(runner.optim_wrapper) or not self._all_stop():
            return
        file = None
        for hook in runner.hooks:
            if isinstance(hook, AtomicCheckpointHook):
                file = hook.save_stopped(runner)
                break
        barrier()  # the launcher ends all processes when the first one has ended
        if is_main_process():
            where = (
                f"all is in {short(file)}" if file else "there is no hook that saves checkpoints"
            )
            tell(
                f"Stopped by a signal after {runner.iter + 1} iterations; {where}. "
                f"The same command with --resume auto goes on (exit status {GO_ON})"
            )
        sys.exit(GO_ON)

    def _all_stop(self) -> bool:
        stop = self._signal is not None
        if get_world_size() == 1:
            return stop
        late = self._late
        asked = torch.full((), float(stop), device=get_comm_device())
        torch.distributed.all_reduce(asked)
        self._late = Late(asked)
        return late is not None and bool(late.read())
