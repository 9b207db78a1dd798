"""The measures by name, as the tool and the hook take them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

from bsam_suite.errors import InputError
from bsam_suite.flatness.forms import FORMS
from bsam_suite.flatness.hessian import (
    top_eigenpairs,
    trace,
)
from bsam_suite.flatness.objective import Objective
from bsam_suite.flatness.sharpness import Sharpness, average, extremes, one_step
from bsam_suite.nearest import did_you_mean
from bsam_suite.optional import need
from bsam_suite.sharpness.rule import check_positive


@dataclass(frozen=True)
class Row:
    """A number that was measured.

    Attributes:
        name: of the measure, such as ``"max_sharpness"``.
        setting: such as ``"rho=0.05"``, or ``""``.
        panel: of the picture, that of all rows of one scale.
        value: the number.
        error: its standard error, of an eigenvalue the residual; None where there is none.
    """

    name: str
    setting: str
    panel: str
    value: float
    error: float | None = None


@dataclass(frozen=True)
class Settings:
    """What is measured where.

    Attributes:
        rho: radii of the plain form.
        adaptive_rho: radii of the adaptive form, in units of the weights.
        filter_rho: radii of the filter form, in units of the filters.
        forms: of sharpness, see :mod:`bsam_suite.flatness.forms`.
        search_steps: of the search for the worst and the best case.
        sigma: of the noise in the weights; relative to them in the other forms.
        draws: of the noise.
        eigenvalues: how many of the largest.
        tolerance: largest residual of an eigenvalue, relative to it.
        probes: random vectors of the trace.
        hutch_plus_plus: estimate the trace by Hutch++.
        density_runs: random vectors of the density.
        density_steps: products for each of them.
        seed: of all random vectors.
    """

    rho: Sequence[float] = (0.05,)
    adaptive_rho: Sequence[float] = (0.5,)
    filter_rho: Sequence[float] = (0.05,)
    forms: Sequence[str] = tuple(FORMS)
    search_steps: int = 10
    sigma: Sequence[float] = (0.01,)
    draws: int = 10
    eigenvalues: int = 1
    tolerance: float = 0.01
    probes: int = 30
    hutch_plus_plus: bool = False
    density_runs: int = 4
    density_steps: int = 20
    seed: int = 0

    def check(self, measures: Sequence[str], place: str) -> None:
        """Refuse what cannot be measured, and libraries that are missing for it.

        Raises:
            InputError: a name is unknown or a number out of range; its ``place`` is named.
        """
        for kind, names, known in (
            ("measures", measures, MEASURES),
            ("forms", self.forms, FORMS),
        ):
            if not names or isinstance(names, str):
                raise InputError(f"{kind}={names!r} in {place}: give some of {', '.join(known)}")
            for name in names:
                if name not in known:
                    hint = did_you_mean(str(name), known)
                    raise InputError(f"{name!r} of {kind} in {place} does not exist{hint}")
        for field in ("rho", "adaptive_rho", "filter_rho", "sigma"):
            for value in getattr(self, field):
                check_positive(field, value, place)
        check_positive("tolerance", self.tolerance, place)
        least = dict(search_steps=1, eigenvalues=1, draws=2, density_runs=2, density_steps=2)
        for field, lowest in {**least, "probes": 6 if self.hutch_plus_plus else 2}.items():
            value = getattr(self, field)
            if type(value) is not int or value < lowest:
                raise InputError(f"{field}={value!r} in {place}: give a whole number >= {lowest}")
        if {"trace", "density"} & {*measures}:
            need("hessian_eigenthings", "flatness")
        if "eigenvalues" in measures:
            need("scipy.sparse.linalg", "flatness")

    @classmethod
    def of(cls, given: dict, place: str) -> Settings:
        """Settings by name.

        Raises:
            InputError: a name is unknown.
        """
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise InputError(f"{place} has no {name!r}{did_you_mean(name, known)}")
        return cls(**given)

    def radii(self) -> Iterator[tuple[str, float]]:
        """All forms with their radii."""
        of = dict(plain=self.rho, adaptive=self.adaptive_rho, filter=self.filter_rho)
        return ((form, rho) for form in self.forms for rho in of[form])


def measure(objective: Objective, measures: Sequence[str], settings: Settings) -> Iterator[Row]:
    """The rows of some measures but the density, in the order of :data:`MEASURES`."""
    for name, function in MEASURES.items():
        if name in measures:
            yield from function(objective, settings)


def passes(measures: Sequence[str], settings: Settings) -> int:
    """About how many passes the measures take, where an eigenvalue takes 20 products."""
    pairs = len(list(settings.radii()))
    noises = len(settings.forms) * len(settings.sigma)
    each = dict(
        loss=1,
        one_step=3 * pairs,
        search=(2 * settings.search_steps + 1) * pairs,
        average=(settings.draws + 1) * noises,
        eigenvalues=20 + 5 * settings.eigenvalues,
        trace=settings.probes,
        density=settings.density_runs * settings.density_steps,
    )
    return sum(each[name] for name in measures)


def _loss(objective: Objective, settings: Settings) -> Iterator[Row]:
    loss, gradient = objective.gradient()
    yield Row("loss", "", "loss", loss)
    yield Row("gradient_norm", "", "gradient", gradient.norm().item())


def _one_step(objective: Objective, settings: Settings) -> Iterator[Row]:
    for form, rho in settings.radii():
        found = one_step(objective, rho, FORMS[form](objective))
        yield from _sharpness(found, form, rho, ("max_sharpness", "min_sharpness", "flatness"))


def _search(objective: Objective, settings: Settings) -> Iterator[Row]:
    for form, rho in settings.radii():
        found = extremes(objective, rho, FORMS[form](objective), settings.search_steps)
        yield from _sharpness(found, form, rho, ("worst_case", "best_case", "range"))


def _sharpness(found: Sharpness, form: str, rho: float, names: Sequence[str]) -> Iterator[Row]:
    values = found.max_sharpness, found.min_sharpness, found.flatness
    for name, value in zip(names, values):
        setting = f"rho={rho:g}"
        yield Row(_name(name, form), setting, f"{form}, {setting}", value)


def _average(objective: Objective, settings: Settings) -> Iterator[Row]:
    for form in settings.forms:
        for sigma in settings.sigma:
            found = average(objective, sigma, form, settings.draws, settings.seed)
            name, setting = _name("average_sharpness", form), f"sigma={sigma:g}"
            panel = f"{form}, {setting}"
            yield Row(name, setting, panel, found.value, found.standard_error)


def _eigenvalues(objective: Objective, settings: Settings) -> Iterator[Row]:
    found = top_eigenpairs(objective, settings.eigenvalues, settings.tolerance, settings.seed)
    pairs = zip(found.values.tolist(), found.residuals.tolist())
    for number, (value, residual) in enumerate(pairs, 1):
        yield Row(f"eigenvalue_{number}", "", "largest eigenvalues", value, residual)


def _trace(objective: Objective, settings: Settings) -> Iterator[Row]:
    found = trace(objective, settings.probes, settings.hutch_plus_plus, settings.seed)
    yield Row("trace", "", "trace", found.value, found.standard_error)


def _name(name: str, form: str) -> str:
    return name if form == "plain" else f"{form}_{name}"


MEASURES: dict[str, Callable[[Objective, Settings], Iterator[Row]]] = dict(
    loss=_loss,
    one_step=_one_step,
    search=_search,
    average=_average,
    eigenvalues=_eigenvalues,
    trace=_trace,
    density=lambda objective, settings: iter(()),  # a curve, not a row
)
