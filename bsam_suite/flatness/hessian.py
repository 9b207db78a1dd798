"""The Hessian's largest eigenvalues, trace and spectral density, from products with vectors.

The eigenvalues are ARPACK's (SciPy): its Lanczos method restarts, so that it needs little memory,
and ends by a residual. The trace and the density are those of hessian-eigenthings, which draws by a
seed and keeps what standard errors are made of. The products are the objective's own: curvlinops'
need forward mode, which neither fake quantizers nor heads that leave PyTorch have, and those of
hessian-eigenthings refuse parameters that the loss does not depend on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bsam_suite.errors import InputError
from bsam_suite.flatness.objective import Objective
from bsam_suite.optional import need

DENSE = 32
"""Up to this many parameters the whole matrix is made, which costs a product each."""

RESTARTS = 100


@dataclass
class Eigenpairs:
    """Some eigenvalues of the Hessian, the largest first.

    Attributes:
        values: shape (k,).
        vectors: shape (k, P), each of length 1.
        residuals: shape (k,), ``|H v - value v|``: an eigenvalue of the Hessian is as near.
    """

    values: Tensor
    vectors: Tensor
    residuals: Tensor


@dataclass
class Estimate:
    """A mean over random vectors.

    Attributes:
        value: the mean, in the units of the loss per squared unit of the weights where it is of
            the Hessian.
        standard_error: of the mean, in the same units; 0 where it is exact.
    """

    value: float
    standard_error: float


@dataclass
class Density:
    """The density of the eigenvalues, smoothed by a Gaussian.

    Attributes:
        grid: eigenvalues, shape (G,).
        density: at these, shape (G,); its integral is 1.
        standard_error: of the density, shape (G,).
        sigma: standard deviation of the Gaussian.
    """

    grid: Tensor
    density: Tensor
    standard_error: Tensor
    sigma: float


def check_eigenvalues(k: int, objective: Objective) -> None:
    """Refuse a number of eigenvalues that the Hessian does not have.

    Raises:
        InputError: it is below 1, or larger than the number of parameters.
    """
    if type(k) is not int or not 1 <= k <= objective.size:
        raise InputError(
            f"k={k!r} eigenvalues: the model has {objective.size} parameters that are trained; "
            "give a whole number from 1 to that"
        )


def top_eigenpairs(
    objective: Objective, k: int = 1, tolerance: float = 0.01, seed: int = 0
) -> Eigenpairs:
    """The k largest eigenvalues of the Hessian, and their eigenvectors.

    By the implicitly restarted Lanczos method (R. B. Lehoucq, D. C. Sorensen, C. Yang, "ARPACK
    Users' Guide", 1998), from a random vector. Its basis, the larger of ``k + 5`` and ``2 k + 1``
    vectors, is on the CPU.

    Args:
        objective: the loss and the weights.
        k: how many.
        tolerance: largest residual, relative to the eigenvalue. The eigenvalue is as near; most are
            much nearer, by about the square of it.
        seed: of the random vector.

    Raises:
        InputError: see :func:`check_eigenvalues`; a tolerance that is not reached; SciPy is not
            installed.
    """
    check_eigenvalues(k, objective)
    linalg = need("scipy.sparse.linalg", "flatness")
    n = objective.size
    if n <= max(DENSE, k + 1):
        values, vectors = np.linalg.eigh(dense(objective).numpy(force=True))
        values, vectors = values[-k:], vectors[:, -k:]
    else:
        kind = torch.zeros((), dtype=objective.dtype).numpy().dtype
        start = np.random.default_rng(seed).standard_normal(n).astype(kind)
        operator = linalg.LinearOperator((n, n), matvec=_on_host(objective), dtype=kind)
        options = dict(
            which="LA", v0=start, ncv=min(n, max(k + 5, 2 * k + 1)), tol=tolerance, maxiter=RESTARTS
        )
        try:
            values, vectors = linalg.eigsh(operator, k, **options)
        except linalg.ArpackNoConvergence as error:
            raise InputError(
                f"{len(error.eigenvalues)} of {k} eigenvalues have a residual below {tolerance:g}: "
                "give a larger tolerance, or float64"
            ) from error
    order = np.argsort(values)[::-1].copy()
    like: dict[str, Any] = dict(dtype=objective.dtype, device=objective.device)
    found = Eigenpairs(
        torch.tensor(values[order], **like), torch.tensor(vectors.T[order], **like), torch.zeros(k)
    )
    off = [objective.product(v) - value * v for value, v in zip(found.values, found.vectors)]
    found.residuals = torch.stack([one.norm() for one in off])
    return found


def dense(objective: Objective) -> Tensor:
    """The whole Hessian, shape (P, P), from P products."""
    rows = torch.eye(objective.size, dtype=objective.dtype, device=objective.device)
    return torch.stack([objective.product(row) for row in rows])


def trace(
    objective: Objective, probes: int = 30, plus_plus: bool = False, seed: int = 0
) -> Estimate:
    """The trace of the Hessian: the sum of its eigenvalues.

    Hutchinson's estimate is the mean of ``v' H v`` over random vectors of signs (M. F. Hutchinson,
    1989). Hutch++ takes out the part of the Hessian that a third of the products spans, which pays
    where a few eigenvalues stand out (R. A. Meyer et al., arXiv 2010.09649); it keeps as many
    vectors in memory.

    Args:
        objective: the loss and the weights.
        probes: products with the Hessian, at least 2; for Hutch++ at least 6. As many as there are
            parameters, or more, give the trace itself, from its diagonal.
        plus_plus: take Hutch++.
        seed: of the random vectors.

    Raises:
        InputError: too few probes, or hessian-eigenthings is not installed.
    """
    least = 6 if plus_plus else 2
    if type(probes) is not int or probes < least:
        raise InputError(f"probes={probes!r}: a standard error needs {least} or more")
    if probes >= objective.size:
        return Estimate(dense(objective).trace().item(), 0.0)
    method = "hutch++" if plus_plus else "hutchinson"
    library = need("hessian_eigenthings", "flatness")
    found = library.trace(operator(objective), num_matvecs=probes, method=method, seed=seed)
    return Estimate(found.estimate, found.stderr)


def spectral_density(
    objective: Objective, runs: int = 4, steps: int = 20, sigma: float | None = None, seed: int = 0
) -> Density:
    """The density of the Hessian's eigenvalues, by stochastic Lanczos quadrature.

    The mean over ``runs`` random vectors, each of ``steps`` products (B. Ghorbani, S. Krishnan, Y.
    Xiao, "An Investigation into Neural Net Optimization via Hessian Eigenvalue Density", arXiv
    1901.10159). The standard error is that of this mean; with too few steps eigenvalues that lie
    close to each other look like one. The basis of a run, ``steps`` vectors, is on the model's
    device.

    Args:
        objective: the loss and the weights.
        runs: at least 2.
        steps: of the Lanczos method; as many as there are parameters where there are fewer.
        sigma: standard deviation of the Gaussian; by default the spectrum's width over the steps.
        seed: of the random vectors.

    Raises:
        InputError: too few runs or steps, or hessian-eigenthings is not installed.
    """
    for name, value in dict(runs=runs, steps=steps).items():
        if type(value) is not int or value < 2:
            raise InputError(f"{name}={value!r} of the spectral density: give 2 or more")
    library = need("hessian_eigenthings", "flatness")
    found = library.spectral_density(
        operator(objective),
        num_runs=runs,
        lanczos_steps=min(steps, objective.size),
        num_grid_points=2,  # the curve is made below, with its error
        sigma=sigma,
        seed=seed,
    )
    nodes, weights = found.raw_eigenvalues.double().cpu(), found.raw_weights.double().cpu()
    least, most = (end(nodes[weights > 0]).item() for end in (torch.min, torch.max))
    reach = 4 * found.sigma
    grid = torch.linspace(least - reach, most + reach, 1000, dtype=nodes.dtype, device="cpu")
    pairs = zip(nodes.nan_to_num(0), weights)
    each = torch.stack([_smoothed(grid, *one, found.sigma) for one in pairs])
    return Density(grid, each.mean(0), each.std(0) / math.sqrt(runs), found.sigma)


def operator(objective: Objective) -> Any:
    """The Hessian as an operator of hessian-eigenthings.

    Raises:
        InputError: it is not installed.
    """
    wrap = need("hessian_eigenthings", "flatness").LambdaOperator
    return wrap(objective.product, objective.size, objective.device, objective.dtype)


def _smoothed(grid: Tensor, nodes: Tensor, weights: Tensor, sigma: float) -> Tensor:
    """The weighted sum of Gaussians at ``nodes``, at the points of ``grid``."""
    far = (grid[:, None] - nodes) / sigma
    return (weights * torch.exp(-far.square() / 2)).sum(1) / (sigma * math.sqrt(2 * math.pi))


def _on_host(objective: Objective) -> Any:
    def product(vector: np.ndarray) -> np.ndarray:
        moved = torch.from_numpy(vector.ravel()).to(objective.device, objective.dtype)
        return objective.product(moved).numpy(force=True)

    return product
