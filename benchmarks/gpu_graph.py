"""A whole step of a static model in a CUDA graph: BSAM with a fused SGD.

    python benchmarks/gpu_graph.py OUT

A step is captured as it stands; where that fails, what stands in the way is taken out, one thing
more at each try, and what CUDA said is printed. ``difference`` is the largest one of the weights
after three replays from those after three eager steps. Learning rate and radii are those of the
capture. On a CPU the steps run eagerly only.
"""

from __future__ import annotations

import copy
import statistics
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import torch
from gpu_report import setting
from models import build
from step import BASE, plain_steps
from timing import interleaved_times
from torch import Tensor, nn

from bsam_suite.optim import BSAM
from bsam_suite.sharpness.forward_state import RandomState
from bsam_suite.sharpness.late import SkippedSteps

FUSED = dict(BASE, fused=True)
Step = Callable[[], object]


@contextmanager
def without_random_state() -> Iterator[None]:
    """Random numbers of the GPU are neither kept nor given back."""
    original = RandomState.__init__
    with patch.object(RandomState, "__init__", lambda self, _: original(self, [])):
        yield


@contextmanager
def without_count() -> Iterator[None]:
    """Skipped steps are not counted."""
    with patch.object(SkippedSteps, "add_unless", lambda *_: None):
        yield


@contextmanager
def where_by_fills() -> Iterator[None]:
    """Numbers given to torch.where are filled in on the GPU and not copied there."""
    original = torch.where

    def where(condition: Tensor, *values: Tensor | float) -> Tensor:
        filled = [
            v if torch.is_tensor(v) else torch.full((), v, device=condition.device) for v in values
        ]
        return original(condition, *filled)

    with patch.object(torch, "where", where):
        yield


TRIES = {
    "as it stands": (),
    "without random numbers": (without_random_state,),
    "without random numbers and count": (without_random_state, without_count),
    "and numbers by fills": (without_random_state, without_count, where_by_fills),
}


def bsam_step(model: nn.Module, loss: Callable[[], Tensor]) -> tuple[BSAM, Step]:
    optimizer = BSAM(model.parameters(), torch.optim.SGD, model=model, **FUSED)

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    return optimizer, lambda: optimizer.step(closure)


def captured(step: Step) -> Step:
    """``step`` as a graph, after three that run before it; on a CPU itself."""
    if not torch.cuda.is_available():
        return step
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


class Start:
    """Weights, buffers and momentum as they are now, to go back to in place."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.tensors = [t for t in model.state_dict().values()]
        self.tensors += [v for s in optimizer.state.values() for v in s.values() if v is not None]
        self.kept = copy.deepcopy(self.tensors)

    @torch.no_grad()
    def restore(self) -> None:
        for tensor, kept in zip(self.tensors, self.kept):
            tensor.copy_(kept)


def difference(model: nn.Module, start: Start, one: Step, other: Step) -> float:
    """The largest one of the weights after three steps of each from ``start``."""
    ends = []
    for step in (one, other):
        start.restore()
        for _ in range(3):
            step()
        ends.append(nn.utils.parameters_to_vector(model.parameters()).detach().clone())
    return (ends[0] - ends[1]).abs().max().item()


def attempt(name: str, model_name: str, batch: int, device: str, rounds: int) -> dict:
    model, loss = build(model_name, batch, device)
    optimizer, step = bsam_step(model, loss)
    found = {"try": name, "captured": "no", "difference": "", "eager again": "", "said": ""}
    with ExitStack() as stack:
        for change in TRIES[name]:
            stack.enter_context(change())
        try:
            for _ in range(2):
                step()
            _ = optimizer.skipped  # what is late has arrived
            replay = captured(step)
        except Exception as error:
            while error.__context__ is not None:  # the end of a broken capture fails as well
                error = error.__context__
            frames = [f for f in traceback.extract_tb(error.__traceback__) if "torch" not in f.name]
            places = " < ".join(f"{f.filename[-40:]}:{f.lineno}" for f in reversed(frames[-6:]))
            said = f"{type(error).__name__}: {str(error).splitlines()[0][:200]} at {places}"
            return found | {"said": said}
        start = Start(model, optimizer.base_optimizer)
        found["captured"] = "yes" if device == "cuda" else "no GPU"
        found["difference"] = f"{difference(model, start, step, replay):.2e}"
        found["eager again"] = f"{difference(model, start, step, step):.2e}"
        start.restore()
        steps = {"eager": step, "graph": replay}
        plain = plain_steps(model, loss, 3, base=FUSED)
        steps["3 passes, eager"] = plain
        steps["3 passes, graph"] = captured(plain)
        times = interleaved_times(steps, rounds if device == "cuda" else 2)
        found["said"] = ", ".join(
            f"{n} {statistics.median(t) * 1e3:.3f} ms" for n, t in times.items()
        )
    return found


def row(*case: object) -> dict:
    try:
        return attempt(*case, rounds=15)
    except Exception as error:
        said = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
        return {"try": case[0], "captured": "", "difference": "", "eager again": "", "said": said}


def main() -> None:
    where = setting(__doc__)
    cases = [("tiny", 2)] if where.tiny else [("resnet18", 16), ("resnet18", 512), ("vit_s", 8)]
    most, *others = reversed(TRIES)
    for model, batch in cases:
        title = f"{model}, batch {batch}: BSAM's step in a CUDA graph"
        where.report("graph", title, [row(most, model, batch, where.device)])
    # Last, as a capture that fails may leave CUDA unwell.
    model, batch = cases[0]
    rows = [row(name, model, batch, where.device) for name in others]
    where.report("graph", f"{model}, batch {batch}: with less taken out", rows)


if __name__ == "__main__":
    main()
