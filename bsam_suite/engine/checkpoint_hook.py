"""Checkpoints that a run can be killed at any moment without losing."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS

from bsam_suite.engine.resume import POINTER
from bsam_suite.files import write_text


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, which deletes an old checkpoint last.

    That of MMEngine 0.10.7 deletes the old ``epoch_N.pth`` or ``best_*.pth`` before it writes the
    new one, and writes ``last_checkpoint`` in place. Takes the same arguments.
    """

    file_backend: Any
    keep_ckpt_ids: deque[int]

    def before_train(self, runner) -> None:
        super().before_train(runner)
        self.file_backend = _DeletingLast(self.file_backend, self.out_dir)
        # Known to a resumed run too, which may have a validation to make up for.
        self.last_ckpt = runner.message_hub.runtime_info.get("last_ckpt")

    def _save_checkpoint_with_step(self, runner, step: int, meta: dict) -> None:
        self.file_backend.delete(keep=self._best_files())  # the best that is no longer so
        self.last_ckpt = self._path(step)
        runner.message_hub.update_info("last_ckpt", self.last_ckpt)
        if self.max_keep_ckpts > 0:
            kept = [number for number in self.keep_ckpt_ids if number != step] + [step]
            # The checkpoint still lists what is deleted once it is written, so that a run that is
            # killed in between deletes it when it goes on.
            runner.message_hub.update_info("keep_ckpt_ids", kept)
            self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
            for number in kept[: -self.max_keep_ckpts]:
                self.file_backend.remove(self._path(number))
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
        if is_main_process():
            write_text(Path(runner.work_dir) / POINTER, self.last_ckpt)
            self.file_backend.delete(keep=[])

    def _save_best_checkpoint(self, runner, metrics: dict) -> None:
        super()._save_best_checkpoint(runner, metrics)
        self.file_backend.delete(keep=self._best_files())

    def _path(self, step: int) -> str:
        return self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(step))

    def _best_files(self) -> list[str]:
        several = getattr(self, "best_ckpt_path_dict", {})
        return [path for path in (getattr(self, "best_ckpt_path", None), *several.values()) if path]


class _DeletingLast:
    """A file backend whose ``remove`` waits for :meth:`delete`.

    Args:
        backend: what does all else.
        folder: where files are deleted; those of another run, from which this one goes on, stay.
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
