"""``torch.compile`` for the quantizers' formulas, with a plain fallback that is always correct."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable

import torch

_warned = False


class Compiled:
    """Run a pure function of tensors compiled, or plainly where it cannot be compiled.

    The first tensor argument has shape (R, K). Shapes are dynamic: layers of all sizes share one
    compiled kernel for each dtype, device and of R = 1 and R > 1. PyTorch keeps the kernels on
    disk, so that only the very first run on a machine waits for the C++ compiler.

    Where compiling fails (no C++ compiler, a Python or device that PyTorch does not compile for),
    the function runs as it stands and a warning says so, once a process.

    Args:
        function: reads tensors and numbers and returns new tensors. Numbers have to be floats:
            each value of an int would be compiled anew.
    """

    def __init__(self, function: Callable) -> None:
        self.plain = function
        self._variants: dict[tuple, Callable] = {}

    def __call__(self, x: torch.Tensor, *arguments):
        # An outer torch.compile or export traces the formula itself. Sizes 0 and 1 are special to
        # PyTorch's dynamic shapes and would cost a kernel of their own.
        if x.numel() < 2 or torch.compiler.is_compiling():
            return self.plain(x, *arguments)
        key = (x.device.type, x.dtype, x.shape[0] == 1)
        if key not in self._variants:
            self._variants[key] = _Variant(self.plain)
        return self._variants[key](x, *arguments)


class _Variant:
    """The function for one kind of input."""

    def __init__(self, function: Callable) -> None:
        self.plain = function
        # PyTorch counts recompilations by code object and gives up after a few. A code object of
        # its own lets each variant have all of them.
        own = types.FunctionType(
            function.__code__.replace(),
            function.__globals__,
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        self.run = self._first
        self._own = own

    def _first(self, *arguments):
        try:
            compiled = torch.compile(self._own, dynamic=True, fullgraph=True, options=_options())
            result = compiled(*arguments)
        except Exception as error:
            return self._fall_back(error, arguments)
        self.run = compiled
        return result

    def _fall_back(self, error: Exception, arguments):
        result = self.plain(*arguments)  # raises where the arguments are at fault
        self.run = self.plain
        _warn(error)
        return result

    def __call__(self, *arguments):
        try:
            return self.run(*arguments)
        except Exception as error:  # a recompilation, e.g. for another number of threads
            if self.run is self.plain:
                raise
            return self._fall_back(error, arguments)


def _options() -> dict:
    from torch._inductor import config

    # Division on GPUs is rounded as in plain PyTorch, so that codes never differ between the two.
    exact = hasattr(config, "eager_numerics")
    return {"eager_numerics.division_rounding": True} if exact else {}


def _warn(error: Exception) -> None:
    global _warned
    if _warned:
        return
    _warned = True
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    warnings.warn(
        f"fake quantization runs without torch.compile ({type(error).__name__}: {reason}). Results "
        "are the same; each quantizer takes several times as long. On CPUs a C++ compiler (g++) on "
        "the PATH mends it",
        stacklevel=3,
    )
