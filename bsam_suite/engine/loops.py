"""MMEngine's loops, but a resumed run takes up the data where it stopped, without loading them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

from mmengine.dist import all_gather_object
from mmengine.registry import LOOPS
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from mmengine.runner.base_loop import BaseLoop
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from bsam_suite.engine.batches import SeededBatches
from bsam_suite.engine.checked_batches import checked
from bsam_suite.engine.damaged import DamagedImagesHook
from bsam_suite.engine.signals import held_back
from bsam_suite.errors import InputError


@LOOPS.register_module()
class ResumableEpochLoop(EpochBasedTrainLoop):
    """MMEngine's ``EpochBasedTrainLoop``, which can go on in the middle of an epoch.

    :attr:`done` is the number of batches of the present epoch that have been trained on.
    """

    done = 0

    def run(self) -> nn.Module:
        """Launch training.

        Raises:
            InputError: processes have different numbers of batches.
        """
        check_equal_lengths(len(self.dataloader))
        return super().run()

    def run_epoch(self) -> None:
        """Train on the batches of an epoch that are left."""
        self.runner.call_hook("before_train_epoch")
        self.runner.model.train()
        if isinstance(self.dataloader.batch_sampler, SeededBatches):
            self.dataloader.batch_sampler.first = self.done
        for number, batch in enumerate(_started(self.runner, self.dataloader), self.done):
            self.done = number + 1  # as a checkpoint of this step has it
            self.run_iter(number, batch)
        self.done = 0
        self.runner.call_hook("after_train_epoch")
        self._epoch += 1


@LOOPS.register_module()
class ResumableIterLoop(IterBasedTrainLoop):
    """MMEngine's ``IterBasedTrainLoop``, which does not load the data it has been trained on.

    A sampler that ends is begun again at once, without MMEngine's pause of two seconds.

    Args:
        runner: that runs it.
        dataloader: or its config.
        **kwargs: as of MMEngine's.
    """

    def __init__(self, runner, dataloader: DataLoader | dict, **kwargs) -> None:
        BaseLoop.__init__(self, runner, dataloader)
        loader = vars(self)["dataloader"]
        super().__init__(runner, _Unstarted(loader), **kwargs)
        self.dataloader = loader

    def run(self) -> nn.Module:
        """Launch training."""
        batches: Any = self.dataloader.batch_sampler
        batches.first, batches.endless = self._iter, True
        # MMEngine takes out what has been trained on, one by one.
        self.dataloader_iterator = chain(
            repeat(None, self._iter), _started(self.runner, self.dataloader)
        )
        try:
            return super().run()
        finally:
            del self.dataloader_iterator  # ends the workers


def check_equal_lengths(batches: int) -> None:
    """Refuse to begin what would wait for the batches of another process that has fewer.

    Raises:
        InputError: the numbers differ.
    """
    lengths = all_gather_object(batches)
    if len(set(lengths)) > 1:
        raise InputError(
            f"an epoch has {', '.join(map(str, lengths))} batches in the processes, which would "
            "wait for each other forever: give train_dataloader a sampler that shares the data out "
            "evenly, such as dict(type='DefaultSampler', shuffle=True)"
        )


def _started(runner, loader: DataLoader) -> Iterator:
    """The batches of ``loader``, which starts when the first one is needed."""
    hook = next((hook for hook in runner.hooks if isinstance(hook, DamagedImagesHook)), None)
    if hook is None or loader.batch_sampler is None or isinstance(loader.dataset, IterableDataset):
        with held_back():
            batches = iter(loader)
        yield from batches
        return
    with held_back(), checked(loader, hook.max_skipped):
        batches = iter(loader)
    for batch, damaged in batches:
        hook.add(runner, damaged)
        yield batch


class _Unstarted:
    """Stands for a loader where MMEngine makes its loop, and would load the first batches."""

    def __init__(self, loader: DataLoader) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def __iter__(self):
        return iter(())
