"""Sharpness-aware optimizers whose ``step`` takes a closure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial

from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from bsam_suite.errors import InputError
from bsam_suite.optim.batch_norm import refuse_batch_norm
from bsam_suite.optim.closure import (
    check_accumulation,
    check_auxiliary,
    checked_gradients,
    loss_of,
    mark_used,
)
from bsam_suite.sharpness import Rule, SharpnessStep, rules

Closure = Callable[[], Tensor]


class SharpnessOptimizer(Optimizer):
    """Step a PyTorch optimizer along the gradient of a sharpness-aware rule.

    Learning-rate schedulers, ``state_dict`` and parameter groups are used as those of any
    optimizer; the rule's hyperparameters live in the parameter groups (see
    :func:`bsam_suite.optim.hyperparameter`). To clip the gradient that the base optimizer steps
    along, register a pre-hook: ``optimizer.base_optimizer.register_step_pre_hook``.

    Args:
        params: parameters or parameter groups; a group may set its own ``rho`` and the like.
        base_optimizer: makes the base optimizer from ``params`` and ``kwargs``: a class of
            ``torch.optim`` or any function that returns an optimizer.
        rule: e.g. ``bsam_suite.sharpness.ASAM(rho=0.5)``.
        model: the model as the closure calls it (also as DistributedDataParallel or as compiled).
            Its buffers, such as batch-norm statistics, are then updated by the first pass only.
            May be left out for models without batch norm.
        perturbation: ``"global"`` or ``"local"``, see :class:`SharpnessStep`; ``"local"`` needs
            ``model``.
        nonfinite: ``"skip"`` or ``"raise"``: what to do when the gradient is NaN or infinite. With
            a ``grad_scaler`` it is the scaler that skips such steps.
        rho_warmup: the number of steps in which the radii rise linearly to their values.
        **kwargs: for ``base_optimizer``.

    Raises:
        InputError: an unusable value.

    Example:
        >>> optimizer = SharpnessOptimizer(
        ...     model.parameters(), torch.optim.SGD, ASAM(rho=0.5), model=model, lr=0.1)
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = criterion(model(x), y)
        ...     loss.backward()
        ...     return loss
        >>> loss = optimizer.step(closure)
    """

    def __init__(
        self,
        params: Iterable,
        base_optimizer: Callable[..., Optimizer],
        rule: Rule,
        model: nn.Module | None = None,
        perturbation: str = "global",
        nonfinite: str = "skip",
        rho_warmup: int = 0,
        **kwargs,
    ) -> None:
        if isinstance(base_optimizer, Optimizer):
            raise InputError(
                f"base_optimizer is a {type(base_optimizer).__name__} already: give its class, "
                "such as torch.optim.SGD, and its arguments beside it"
            )
        if perturbation == "local" and model is None:
            raise InputError("perturbation='local' needs the model: give model=...")
        base = base_optimizer(params, **kwargs)
        place = type(self).__name__
        self._step = SharpnessStep(rule, base, perturbation, nonfinite, place, rho_warmup)
        super().__init__(base.param_groups, base.defaults)
        self.base_optimizer, self.model = base, model
        #: Losses of the last step by the names of the points visited (``loss``, ``loss_max``, ...).
        self.losses: dict[str, Tensor] = {}
        self._share()

    def _share(self) -> None:
        self.param_groups, self.state = self.base_optimizer.param_groups, self.base_optimizer.state

    def step(
        self,
        closure: Closure | Sequence[Closure] | None = None,
        *,
        auxiliary: Closure | None = None,
        grad_scaler: GradScaler | None = None,
    ) -> Tensor:
        """Make one step.

        Args:
            closure: zeroes gradients, computes the loss, calls backward (of the scaled loss where
                there is a ``grad_scaler``) and returns the loss, unscaled. It may run several
                micro-batches. It is called once for each pass. Several closures make m-sharpness
                (in the SAM paper): each is of one part of the batch, all parts of m samples, which
                is perturbed along its own gradient; the step is the mean over the parts.
            auxiliary: for a rule that asks for an auxiliary batch (``AgnosticSAM``), and only for
                such a one: does with that batch what ``closure`` does with its own. Draw its
                samples before the step: each pass begins with the same random numbers.
            grad_scaler: of ``torch.amp``, for float16. It unscales the gradient and skips the step
                if any pass overflowed; call its ``update()`` afterwards.

        Returns:
            The loss at the weights before the step.

        Raises:
            FloatingPointError: the gradient is not finite, with ``nonfinite="raise"``.
            InputError: no closure, one that does not do all this, a model with batch norm that was
                not given to the optimizer, or an auxiliary batch that is missing or not asked for.
        """
        if not closure:
            raise InputError(
                f"{type(self).__name__}.step needs a closure that zeroes the gradients, computes "
                "the loss, calls backward and returns the loss: the rule makes several passes"
            )
        check_accumulation()
        check_auxiliary(self._step.rule, auxiliary)
        scaler = grad_scaler if grad_scaler is not None and grad_scaler.is_enabled() else None
        step, base = self._step, self.base_optimizer
        watched = self.model is None and not self.losses
        parts = closure if isinstance(closure, Sequence) else [closure]
        for part in parts:
            again = partial(self._again, part, auxiliary)
            with step.guard(), step.first_pass(self.model), checked_gradients(step.parameters()):
                step.begin(self.model)
                with refuse_batch_norm(type(self).__name__) if watched else nullcontext():
                    loss = loss_of(part)
            if len(parts) > 1:
                step.part(self.model, loss, again, scaler)
        make_step = base.step if scaler is None else lambda: scaler.step(base)
        self.losses = step.finish(self.model, loss, [again], make_step, scaler)
        mark_used(step.parameters())
        return self.losses["loss"]

    def _again(self, closure: Closure, auxiliary: Closure | None, other: bool) -> Tensor:
        """Make the closure's pass again, or that over the other batch, the auxiliary one."""
        if not other or auxiliary is None:
            return loss_of(closure)
        with checked_gradients(self._step.parameters()):
            return loss_of(auxiliary)

    @property
    def passes_per_step(self) -> float:
        """Forward and backward passes of a step, on average so far, a resumed run's included.

        Over all data of a step: its auxiliary batch, where it has one, counts as a fifth of them.
        """
        return self._step.hyper.passes_per_step

    @property
    def skipped(self) -> int:
        """Steps skipped so far because of a gradient that was not finite."""
        return self._step.skipped

    def zero_grad(self, set_to_none: bool = True) -> None:
        """As the base optimizer's."""
        self.base_optimizer.zero_grad(set_to_none)

    def add_param_group(self, param_group: dict) -> None:
        """As the base optimizer's; the group may set its own ``rho`` and the like."""
        if not hasattr(self, "base_optimizer"):  # called by Optimizer.__init__
            super().add_param_group(param_group)
            return
        self._step.hyper.enter([param_group])
        self.base_optimizer.add_param_group(param_group)

    def state_dict(self) -> dict:
        """The base optimizer's state, with the rule's hyperparameters and what it keeps."""
        return self.base_optimizer.state_dict()

    def load_state_dict(self, state_dict: dict) -> None:
        """Load what :meth:`state_dict` gave, or the state of the base optimizer alone."""
        load = self.base_optimizer.load_state_dict
        self._step.hyper.load(state_dict, lambda: load(state_dict))
        self._share()

    def __getstate__(self) -> dict:
        own = {key: getattr(self, key) for key in ("base_optimizer", "model", "losses", "_step")}
        return super().__getstate__() | own


class BSAM(SharpnessOptimizer):
    """Bilateral Sharpness-Aware Minimization (arXiv 2409.13173) around any PyTorch optimizer.

    Args:
        params: see :class:`SharpnessOptimizer`.
        base_optimizer: likewise.
        **kwargs: ``rho``, ``rho_min``, ``k`` and the other arguments of
            :class:`bsam_suite.sharpness.BSAM`; others as in :class:`SharpnessOptimizer`.

    Raises:
        InputError: an unusable value.

    Example:
        >>> optimizer = BSAM(
        ...     model.parameters(), torch.optim.SGD, rho=0.05, model=model, lr=0.1, momentum=0.9)
        >>> loss = optimizer.step(closure)
    """

    def __init__(
        self, params: Iterable, base_optimizer: Callable[..., Optimizer], **kwargs
    ) -> None:
        rule = rules.BSAM.from_arguments(kwargs)
        super().__init__(params, base_optimizer, rule, **kwargs)
