"""Images that cannot be read in the middle of a training: it stops, or goes on without a few."""

from __future__ import annotations

from mmengine.config import Config
from mmengine.dist import all_gather_object, get_world_size
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from bsam_suite.engine.divergence import saves_now
from bsam_suite.engine.summary import DAMAGED
from bsam_suite.errors import InputError, listed

OPTION = f"default_hooks.{DAMAGED}.max_skipped"


def add_damaged_images_hook(cfg: Config) -> None:
    """Add :class:`DamagedImagesHook`; ``default_hooks.damaged_images`` sets its arguments."""
    hooks = cfg.get("default_hooks") or {}
    own = {"type": "DamagedImagesHook", **(hooks.get(DAMAGED) or {})}
    cfg.default_hooks = {**hooks, DAMAGED: own}


@HOOKS.register_module()
class DamagedImagesHook(Hook):
    """Stop at an image of the training that cannot be read, or count it and train on.

    An image that is left out is replaced by another one of the data set, drawn at random from the
    numbers of its batch, so that a resumed run draws the same. (MMEngine's ``max_refetch`` does so
    too, without a count or a word.) Each file counts once, is told once, and stays counted in the
    checkpoints. The process that loads the data only says which files it could not read; they
    count when their batch is trained on.

    Several processes add up what they have counted when an epoch ends and before a validation or a
    checkpoint; between, each has its own count to compare with the limit. A process that stops
    ends the others by its launcher.

    Needs the suite's loops, which stand for MMEngine's, and a data set with indices.

    Args:
        max_skipped: how many image files may be left out; 0 stops at the first.

    Raises:
        InputError: an image more cannot be read; or ``max_skipped`` is not a number from 0.
    """

    def __init__(self, max_skipped: int = 0) -> None:
        if type(max_skipped) is not int or max_skipped < 0:
            raise InputError(f"{OPTION}={max_skipped!r}: give a number from 0")
        self.max_skipped = max_skipped
        self._found: dict[str, str] = {}

    def before_train(self, runner) -> None:
        self._found = dict(runner.message_hub.get_info(DAMAGED, {}))
        runner.message_hub.update_info(DAMAGED, self._found)

    def add(self, runner, found: dict[str, str]) -> None:
        """Count the files in ``found``, with the reasons."""
        for file, reason in found.items():
            if file in self._found:
                continue
            self._found[file] = reason
            count = len(self._found)
            if count > self.max_skipped:
                raise self._too_many(file, reason)
            runner.logger.warning(
                f"{file} cannot be read ({reason}): another image takes its place, {count} of at "
                f"most {self.max_skipped} ({OPTION})"
            )

    def _too_many(self, file: str, reason: str) -> InputError:
        said = f"{file} cannot be read ({reason})"
        remedy = "repair it or take it out of the data; --resume auto goes on"
        if not self.max_skipped:
            return InputError(f"{said}: {remedy}. {OPTION}=10 would train on without such a few")
        return InputError(
            f"{len(self._found)} images cannot be read, more than {OPTION}={self.max_skipped}: "
            f"{listed(self._found)}; the last: {said}: {remedy}"
        )

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        if saves_now(runner):
            self._exchange(runner)

    def after_train_epoch(self, runner) -> None:
        self._exchange(runner)

    def before_val_epoch(self, runner) -> None:
        self._exchange(runner)

    def after_train(self, runner) -> None:
        self._exchange(runner)

    def _exchange(self, runner) -> None:
        if self.max_skipped and get_world_size() > 1:
            for found in all_gather_object(self._found):
                self.add(runner, found)
