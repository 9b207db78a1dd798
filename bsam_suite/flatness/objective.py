"""The mean loss of a model over fixed batches, as a function of its weights."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from bsam_suite.errors import InputError
from bsam_suite.sharpness.forward_state import ForwardState


class Objective:
    """``L(w)``, the mean loss over fixed batches, with its gradient and products with its Hessian.

    A point or a direction in the space of the weights is a flat tensor of shape (P,): the
    parameters that require a gradient, one after the other, in the order of :attr:`names`.

    Batches count by their number of samples (or ``count``), so that the result does not depend on
    how the data are cut into batches. Where several processes run (``torch.distributed``), each has
    batches of its own, and all find the mean over all of them; the calls are collective then.

    In evaluation mode batch norm uses its running statistics, and L is a mean over samples. In
    training mode it uses those of each batch, so that L does depend on the batches. In both, each
    pass draws the same random numbers (dropout), and buffers, modes and generators are left as they
    were. Passes are made in full precision, without autocast, TF32, ``torch.compile`` and the
    attention kernels that cannot be differentiated twice.

    Args:
        model: its parameters are the weights. Each has one floating type, such as float64.
        loss: ``loss(model, batch)``, the mean loss over the batch, of no dimensions.
        batches: this process's batches.
        count: ``count(batch)``, how many terms the mean over the batch has. Default: the length
            of the first tensor in it.
        train: whether the model is in training mode.

    Raises:
        InputError: there is no batch, or no parameter that requires a gradient.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[[nn.Module, Any], Tensor],
        batches: Sequence[Any],
        count: Callable[[Any], float] | None = None,
        train: bool = False,
    ) -> None:
        self.model, self.train = model, train
        named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        if not named:
            raise InputError(
                "the model has no parameter that requires a gradient: give one that can be trained"
            )
        self.names, self.params = list(named), list[Tensor](named.values())
        self.size = sum(p.numel() for p in self.params)
        self.device, self.dtype = self.params[0].device, self.params[0].dtype
        self.batches = batches
        self.batch_loss, self.count_of = loss, count or batch_size
        counts = [float(self.count_of(batch)) for batch in batches]
        self.count = self._sum(torch.tensor(sum(counts), dtype=torch.float64)).item()
        """How many terms the mean has, in all processes."""
        if not self.count > 0:
            raise InputError("there is no batch to measure the loss on: give data")
        self._shares = [one / self.count for one in counts]
        self.passes: Counter[str] = Counter()
        """How many there were over all batches: ``loss``, ``gradient`` and ``product``."""
        self.after_pass: Callable[[], object] = lambda: None
        """Called after each pass, such as to advance a progress bar."""

    def loss(self) -> float:
        """L at the weights as they stand."""
        with self.measuring("loss"), torch.no_grad():
            total = self._zeros(1)
            for batch, share in zip(self.batches, self._shares):
                total += share * self.batch_loss(self.model, batch)
            return self._sum(total).item()

    def gradient(self) -> tuple[float, Tensor]:
        """L at the weights as they stand, and its gradient, of shape (P,)."""
        with self.measuring("gradient"), torch.enable_grad():
            loss, total = self._zeros(1), self._zeros(self.size)
            for batch, share in zip(self.batches, self._shares):
                here = share * self.batch_loss(self.model, batch)
                loss += here.detach()
                self._add(total, _derivative(here, self.params))
            return self._sum(loss).item(), self._sum(total)

    def product(self, vector: Tensor) -> Tensor:
        """The Hessian of L at the weights as they stand, times ``vector``; shape (P,).

        The gradient of the gradient's inner product with the vector (B. A. Pearlmutter, "Fast Exact
        Multiplication by the Hessian", Neural Computation 6, 1994), by reverse mode twice: custom
        autograd functions, such as those of quantizers, have no forward mode. Beside the
        activations of one batch it needs the memory of three gradients, the vector's among them.
        """
        parts = self.split(vector)
        with self.measuring("product"), torch.enable_grad():
            total = self._zeros(self.size)
            for batch, share in zip(self.batches, self._shares):
                loss = share * self.batch_loss(self.model, batch)
                gradient = _derivative(loss, self.params, create_graph=True)
                along = self._zeros(())
                for part in reversed(parts):  # each part of the gradient is freed after its use
                    along = along + (gradient.pop() * part).sum()
                self._add(total, _derivative(along, self.params))
            return self._sum(total)

    def weights(self) -> Tensor:
        """A copy of the weights as they stand, of shape (P,)."""
        return torch.cat([p.detach().reshape(-1) for p in self.params])

    def split(self, vector: Tensor) -> list[Tensor]:
        """Views of a flat vector, in the shapes of the parameters."""
        parts = vector.split([p.numel() for p in self.params])
        return [part.view(p.shape) for part, p in zip(parts, self.params)]

    @contextmanager
    def moved(self, displacement: Tensor) -> Iterator[None]:
        """Inside, the weights are those that stood plus ``displacement``, of shape (P,).

        Then they are brought back, bit for bit.
        """
        home = [p.detach().clone() for p in self.params]
        try:
            with torch.no_grad():
                torch._foreach_add_(self.params, tuple(self.split(displacement)))
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self.params, home)

    @contextmanager
    def measuring(self, kind: str) -> Iterator[None]:
        """Inside, a pass of one ``kind`` is made; it leaves all but :attr:`passes` as it was."""
        state = ForwardState(self.model, self.params)
        with ExitStack() as stack:
            stack.callback(state.restore)
            cudnn = torch.backends.cudnn
            stack.enter_context(
                cudnn.flags(enabled=cudnn.enabled, deterministic=True, allow_tf32=False)
            )
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))
            stack.enter_context(torch.autocast(self.device.type, enabled=False))
            if any(m._compiled_call_impl is not None for m in self.model.modules()):
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            self.model.train(self.train)
            random.seed(0)
            np.random.seed(0)
            torch.manual_seed(0)
            yield
        self.passes[kind] += 1
        self.after_pass()

    def _add(self, total: Tensor, parts: list[Tensor]) -> None:
        with torch.no_grad():
            torch._foreach_add_(self.split(total), tuple(parts))

    def _zeros(self, shape: int | tuple) -> Tensor:
        return torch.zeros(shape, dtype=self.dtype, device=self.device)

    def _sum(self, tensor: Tensor) -> Tensor:
        """The sum over the processes."""
        distributed = torch.distributed
        if distributed.is_available() and distributed.is_initialized():
            tensor = tensor.to(self.device)
            distributed.all_reduce(tensor)
        return tensor


def _derivative(output: Tensor, params: list[Tensor], create_graph: bool = False) -> list[Tensor]:
    """The gradient of ``output``; zeros for parameters that it does not depend on."""
    if not output.requires_grad:
        return [torch.zeros_like(p) for p in params]
    found = torch.autograd.grad(
        output, params, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )
    return list(found)


def batch_size(batch: Any) -> int:
    """The length of the first tensor in ``batch``: a tensor, or such in dicts, lists and tuples.

    Raises:
        InputError: there is none.
    """
    if torch.is_tensor(batch) and batch.ndim:
        return len(batch)
    parts = batch.values() if isinstance(batch, dict) else batch
    for part in parts if isinstance(parts, (list, tuple, type({}.values()))) else ():
        try:
            return batch_size(part)
        except InputError:
            continue
    raise InputError(f"a batch of type {type(batch).__name__} has no tensor: give count")
