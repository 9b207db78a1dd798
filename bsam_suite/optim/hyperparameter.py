"""PyTorch's learning-rate schedulers for ``rho`` and any other number of the parameter groups."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping

from torch.optim import Optimizer

from bsam_suite.errors import InputError


def hyperparameter(optimizer: Optimizer, name: str) -> Optimizer:
    """A stand-in for ``optimizer`` whose learning rate is its hyperparameter ``name``.

    Args:
        optimizer: its parameter groups hold ``name``.
        name: e.g. ``"rho"``.

    Raises:
        InputError: a parameter group has no such number.

    Example:
        >>> falling = LambdaLR(hyperparameter(optimizer, "rho"), lambda step: 1 - step / 100)
        >>> warmup = LinearLR(hyperparameter(optimizer, "rho_min"), 0.1, total_iters=5)
        >>> for x, y in loader:
        ...     optimizer.step(closure)
        ...     falling.step()
        ...     warmup.step()
    """
    for group in optimizer.param_groups:
        if not isinstance(group.get(name), (int, float)) or isinstance(group[name], bool):
            numbers = sorted(k for k, v in group.items() if type(v) in (int, float))
            raise InputError(
                f"hyperparameter {name!r}: the optimizer's parameter groups hold no such number, "
                f"they have {', '.join(numbers)}"
            )
    return _Hyperparameter(optimizer, name)


class _Hyperparameter(Optimizer):
    """What a scheduler reads and writes of an optimizer, under other names."""

    _opt_called = True  # schedulers warn when they are stepped before the optimizer is

    def __init__(self, optimizer: Optimizer, name: str) -> None:
        # Without Optimizer's own: the groups stay the other optimizer's.
        self.optimizer, self.name = optimizer, name
        self.defaults = {}

    @property
    def param_groups(self) -> list[MutableMapping]:
        names = {"lr": self.name, "initial_lr": f"initial_{self.name}"}
        return [_Renamed(group, names) for group in self.optimizer.param_groups]

    def step(self, closure: object = None) -> None:
        raise NotImplementedError("step the optimizer itself")


class _Renamed(MutableMapping):
    """A parameter group under other keys."""

    def __init__(self, group: dict, names: dict[str, str]) -> None:
        self.group, self.names = group, names

    def __getitem__(self, key: str) -> object:
        return self.group[self.names.get(key, key)]

    def __setitem__(self, key: str, value: object) -> None:
        self.group[self.names.get(key, key)] = value

    def __delitem__(self, key: str) -> None:
        del self.group[self.names.get(key, key)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.group)

    def __len__(self) -> int:
        return len(self.group)
