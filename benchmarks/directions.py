"""How well the cheap forms of BSAM find what the exact one adds to the gradient.

    python benchmarks/directions.py --rules BSAM,rho=0.1,k=5 AveragedBSAM,rho=0.1 --out DIR

A network trains with each rule. In ten stretches of its training, what the rule adds to the
gradient in a step is compared with what exact BSAM adds on the same batch at the same weights:
their cosine, and their lengths' ratio. ``directions.png`` has both along training; printed are
means over the steps after a visit (``0`` is the visit itself).
"""

from __future__ import annotations

import argparse
import copy
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import ideas  # noqa: F401  registers its rules
import torch
from regimes import BASES, Regime, closure_of, optimizer_of, regime_of, train
from torch import Tensor, nn
from wrong_labels import add_setting

STRETCHES, LENGTH = 10, 20


class Compared(NamedTuple):
    """One step: its number, how many steps after a visit, cosine and ratio of lengths."""

    step: int
    after: int
    cosine: float
    length: float


class Watch:
    """Compares some steps of a training with exact BSAM's.

    Args:
        regime: of the training.
        exact: the words of what it is compared with.
    """

    def __init__(self, regime: Regime, exact: str) -> None:
        self.regime, self.exact, self.found = regime, exact, list[Compared]()
        self.stretch = regime.epochs * regime.steps // STRETCHES

    def __call__(self, model: nn.Module, optimizer, batch, step: int) -> None:
        """Before each step."""
        if step % self.stretch >= LENGTH:
            return
        k = optimizer.param_groups[0]["rule_k"] or 1
        g, right = self.right(copy.deepcopy(model), batch, optimizer)

        def compare(base: torch.optim.Optimizer, *_: object) -> None:
            handle.remove()
            mine = gradients(base) - g
            cosine = torch.dot(mine, right) / (mine.norm() * right.norm()).clamp(min=1e-30)
            length = mine.norm() / right.norm().clamp(min=1e-30)
            self.found.append(Compared(step, step % k, cosine.item(), length.item()))

        handle = optimizer.base_optimizer.register_step_pre_hook(compare)

    def right(self, model: nn.Module, batch, like) -> tuple[Tensor, Tensor]:
        """The gradient of a batch, and what the exact rule adds; ``like`` has the rates."""
        optimizer = optimizer_of(self.exact, model, torch.optim.SGD, dict(lr=0.0))
        first = like.param_groups[0]
        optimizer.param_groups[0].update(lr=first["lr"], initial_lr=first["initial_lr"])
        closure, seen = closure_of(self.regime, model, optimizer, batch), []
        optimizer.base_optimizer.register_step_pre_hook(
            lambda base, *_: seen.append(gradients(base))
        )
        state = copy.deepcopy(model.state_dict())
        closure()
        g = gradients(optimizer)
        model.load_state_dict(state)
        optimizer.step(closure)
        return g, seen[0] - g


def gradients(optimizer: torch.optim.Optimizer) -> Tensor:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    return torch.cat([p.grad.flatten() for p in parameters]).clone()


def means(found: list[Compared], key: Callable[[Compared], int]) -> dict[int, tuple[float, float]]:
    """Mean cosine and length of the steps with the same key."""
    together = defaultdict(list)
    for one in found:
        together[key(one)].append((one.cosine, one.length))
    return {k: tuple(map(statistics.fmean, zip(*v))) for k, v in sorted(together.items())}


def draw(found: dict[str, list[Compared]], stretch: int, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for rule, steps in found.items():
        along = means(steps, lambda one: one.step // stretch)
        places = [100 * (place + 0.5) / STRETCHES for place in along]
        left.plot(places, [cosine for cosine, _ in along.values()], label=rule)
        right.plot(places, [length for _, length in along.values()])
    left.set_title("cosine to what exact BSAM adds")
    right.set_title("its length over exact BSAM's")
    for axes in (left, right):
        axes.set_xlabel("% of training")
        axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_setting(parser)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("work_dirs/directions"))
    args = parser.parse_args()
    regime, found = regime_of(args.regime, args.wrong, args.data_root), {}
    for rule in args.rules:
        watch = Watch(regime, args.exact)
        accuracy, _ = train(regime, rule, args.seed, BASES[args.base], watch)
        found[rule] = watch.found
        after = means(watch.found, lambda one: one.after)
        cells = "  ".join(f"{j}: {c:.2f} ({n:.2f})" for j, (c, n) in after.items())
        print(f"{rule}: accuracy {accuracy:.3f}; cosine (length) {cells}", flush=True)
    args.out.mkdir(parents=True, exist_ok=True)
    draw(found, watch.stretch, args.out / "directions.png")


if __name__ == "__main__":
    main()
