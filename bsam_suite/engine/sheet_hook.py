"""Pictures of what a network says of its validation data."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from bsam_suite.errors import InputError


class SheetHook(Hook):
    """After validation and test, write a contact sheet, ``WORK_DIR/pictures/{epoch_N,test}.png``.

    It shows samples of all batches, as many of each. Needs OpenCV.

    Args:
        count: number of samples.
        out_dir: another folder.
    """

    size = (300, 256)
    """Width and height of a tile in pixels."""

    caption: str
    """What the picture shows, for the log."""

    def __init__(self, count: int, out_dir: str | None) -> None:
        self.count = count
        self.out_dir = out_dir
        self.tiles: list[Any] = []

    @abstractmethod
    def draw(self, samples: Sequence, metainfo: Mapping) -> Iterator[Any]:
        """(H, W, 3) uint8 BGR tiles of a batch's outputs, of those that can be shown.

        Args:
            metainfo: of the data set.
        """

    def before_run(self, runner) -> None:
        """Create the folder before the training starts.

        Raises:
            InputError: it cannot be created.
        """
        self.folder = Path(self.out_dir or Path(runner.work_dir) / "pictures")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"the image folder {self.folder} cannot be created ({error}): give another one by "
                "--show-dir"
            ) from error

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self._collect(outputs, runner.val_dataloader)

    def after_test_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self._collect(outputs, runner.test_dataloader)

    def after_val_epoch(self, runner, metrics=None) -> None:
        self._write(runner, f"epoch_{runner.epoch}")

    def after_test_epoch(self, runner, metrics=None) -> None:
        self._write(runner, "test")

    def _collect(self, outputs, loader) -> None:
        share = min(-(-self.count // len(loader)), self.count - len(self.tiles))
        tiles = self.draw(outputs or [], loader.dataset.metainfo)
        self.tiles += islice(tiles, share)

    def _write(self, runner, name: str) -> None:
        import cv2

        from bsam_suite.pictures.contact_sheet import contact_sheet

        tiles, self.tiles = self.tiles, []
        if not (tiles and is_main_process()):
            return
        path = self.folder / f"{name}.png"
        if cv2.imwrite(str(path), contact_sheet(tiles, columns=6, size=self.size)):
            runner.logger.info(f"{self.caption}: {path}")
        else:
            runner.logger.warning(f"{path} could not be written: is the disk full?")


def is_sheet(hook: Mapping) -> bool:
    """Whether this is the config of a :class:`SheetHook`."""
    kind = HOOKS.get(hook["type"]) if isinstance(hook.get("type"), str) else hook.get("type")
    return isinstance(kind, type) and issubclass(kind, SheetHook)
