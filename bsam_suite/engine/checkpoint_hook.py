"""Checkpoints that survive if the run is killed at any moment."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS

from bsam_suite.atomic_write import write_text
from bsam_suite.engine.rank_buffers import gather_buffers, restore_buffers
from bsam_suite.engine.work_dir import POINTER, STOPPED

OTHERS = "buffers_of_other_processes"


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, but it deletes an old checkpoint after the new one is written.

    MMEngine 0.10.7 deletes the old ``epoch_N.pth`` or ``best_*.pth`` first, and overwrites
    ``last_checkpoint`` in place. Takes the same arguments.
    """

    file_backend: Any
    keep_ckpt_ids: deque[int]
    _others: list[dict] = []
    """Buffers of the other processes, see :func:`gather_buffers`."""
    _saved = 0
    """After how many iterations this process has saved last."""

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        if runner._resume:
            self._others = checkpoint.pop(OTHERS, [])

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        if self._others:
            checkpoint[OTHERS], self._others = self._others, []

    def before_train(self, runner) -> None:
        super().before_train(runner)
        restore_buffers(runner, self._others)
        self._others = []
        self.file_backend = _DelayedRemoval(self.file_backend, self.out_dir)
        from_here = Path(runner._load_from or "").parent.resolve() == Path(self.out_dir).resolve()
        if runner._resume and from_here and Path(runner._load_from).name != STOPPED:
            self.file_backend.remove(self._stopped)  # older, and left by a kill
            if is_main_process():
                self.file_backend.delete(keep=[])
        # A resumed run needs it too: it may still have to make the last validation.
        self.last_ckpt = runner.message_hub.runtime_info.get("last_ckpt")

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        self.file_backend.delete(keep=self._best_files())  # the former best
        self.last_ckpt = self._path(step)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        if self.max_keep_ckpts > 0:
            kept = [number for number in self.keep_ckpt_ids if number != step] + [step]
            # The new checkpoint still lists the files that are deleted after it is written. If the
            # run is killed in between, it deletes them when it is resumed.
            runner.message_hub.update_info("keep_ckpt_ids", kept)
            self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
            for number in kept[: -self.max_keep_ckpts]:
                self.file_backend.remove(self._path(number))
        self._others = gather_buffers(runner)
        runner.save_checkpoint(
            self.out_dir,
            self.filename_tmpl.format(step),
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        self._saved = meta["iter"]
        if is_main_process():
            write_text(Path(runner.work_dir) / POINTER, self.last_ckpt)
            self.file_backend.remove(self._stopped)
            self.file_backend.delete(keep=[])

    def save_stopped(self, runner) -> str:
        """Save all that a run needs to go on after this iteration, until the next checkpoint.

        Returns:
            The file; the regular one, if it has just been saved.
        """
        if self._saved == runner.iter + 1 and self.save_optimizer and self.save_param_scheduler:
            return str(self.last_ckpt)
        self._others = gather_buffers(runner)
        runner.save_checkpoint(
            self.out_dir, STOPPED, by_epoch=False, backend_args=self.backend_args
        )
        if is_main_process():
            write_text(Path(runner.work_dir) / POINTER, self._stopped)
        return self._stopped

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        super()._save_best_checkpoint(runner, metrics)
        self.file_backend.delete(keep=self._best_files())

    @property
    def _stopped(self) -> str:
        return self.file_backend.join_path(self.out_dir, STOPPED)

    def _path(self, step: int) -> str:
        return self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(step))

    def _best_files(self) -> list[str]:
        several = getattr(self, "best_ckpt_path_dict", {})
        return [path for path in (getattr(self, "best_ckpt_path", None), *several.values()) if path]


class _DelayedRemoval:
    """A file backend whose ``remove`` waits for :meth:`delete`.

    Args:
        backend: does everything else.
        folder: files are deleted here only; those of another run that this one resumes are kept.
    """

    def __init__(self, backend, folder: str) -> None:
        self._backend, self._folder = backend, Path(folder).resolve()
        self._waiting: list[str] = []

    def __getattr__(self, name: str):
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        if Path(path).resolve().parent == self._folder:
            self._waiting.append(path)

    def delete(self, keep: list[str]) -> None:
        waiting, self._waiting = self._waiting, []
        for path in waiting:
            if path not in keep and self._backend.isfile(path):
                self._backend.remove(path)
