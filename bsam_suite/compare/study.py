"""A study: settings, the methods compared in each, what is tuned for them, and the seeds."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import Any

from mmengine.config import Config

from bsam_suite.compare.forms import CELL, METHOD, STUDY, check_forms
from bsam_suite.engine.rule_option import NONE
from bsam_suite.errors import InputError
from bsam_suite.nearest import did_you_mean, nearest
from bsam_suite.options import Typed, items, meaning

Settings = Mapping[str, Any]
"""Values by name. With a dot a name is a field of the config; others are a rule's arguments."""

SAMPLERS = ("grid", "optuna")


@dataclass(frozen=True)
class Method:
    """A row of a table: a rule, or the config's optimizer alone, for so many epochs.

    Attributes:
        name: the label, such as ``"bsam rho=0.1"`` or ``"sgd x3"``.
        rule: as in ``RULES``, in any case, or ``none``.
        settings: that are fixed.
        epochs: how many times the config's epochs it trains.
        hooks: added to the config's ``custom_hooks``, such as ``dict(type="EMAHook")``.
        tune: the values of each setting to choose from: a list or, for Optuna, a tuple of the
            lowest and the highest one, tried on a logarithmic scale. A value that is a dict has
            settings that go together, such as ``dict(rho=0.1, rho_min=0.1)``.
        choice_of: the method whose tuned settings it takes, except those that it fixes.
    """

    name: str
    rule: str = NONE
    settings: Settings = field(default_factory=dict, hash=False)
    epochs: float = 1
    hooks: Sequence[Mapping] = field(default=(), hash=False)
    tune: Mapping[str, Any] = field(default_factory=dict, hash=False)
    choice_of: str | None = None


@dataclass(frozen=True)
class Cell:
    """A setting in which methods are compared.

    Attributes:
        config: config file.
        name: the label; ``""`` where there is one cell only.
        options: overrides of it, by dotted keys.
        methods: in the order of the table; differences are taken to the first.
        seeds: number of seeds that are tested.
        choices_of: the cell whose tuned settings it takes.
    """

    config: str
    name: str = ""
    options: Settings = field(default_factory=dict, hash=False)
    methods: Sequence[Method] = field(default=(), hash=False)
    seeds: int = 5
    choices_of: str | None = None


@dataclass(frozen=True)
class Study:
    """Cells, and how their methods are tuned.

    Attributes:
        cells: the settings, each with its methods and seeds.
        metric: what is compared; None for the evaluator's first.
        higher: whether more of it is better.
        trials: settings tried for each tuned method of a cell, at least; 0 without tuning.
        tuning_seeds: seeds of each trial; those that are tested are other ones.
        validation: what to choose by: a share of the training data, which is cut off, or overrides
            of the config that give other data.
        sampler: ``"grid"``, or ``"optuna"``, which needs the extra ``tuning``.
        hooks: added to the ``custom_hooks`` of runs that are tested, such as
            ``dict(type="FlatnessHook")``.
    """

    cells: Sequence[Cell]
    metric: str | None = None
    higher: bool = True
    trials: int = 0
    tuning_seeds: int = 2
    validation: float | Mapping[str, Any] = 0.2
    sampler: str = "grid"
    hooks: Sequence[Mapping] = ()

    def tuned(self, cell: Cell) -> list[Method]:
        """The methods that are tuned in ``cell``."""
        return [] if cell.choices_of else [m for m in cell.methods if m.tune]


def is_study(file: str) -> bool:
    """Whether a config file is a study: it sets ``cells``, even where it cannot be read."""
    try:
        return "cells" in Config.fromfile(file, import_custom_modules=False)
    except Exception:  # its reader says what
        path = Path(file)
        return path.is_file() and bool(
            re.search(r"^cells\b", path.read_text(errors="replace"), re.M)
        )


def read_study(file: str) -> Study:
    """The study in a file of plain fields, those of :class:`Study`.

    ``cells`` is a list of dicts with the fields of :class:`Cell`, and ``methods`` a dict of those
    of :class:`Method` by name; of a cell, ``methods`` is the list of the names that it compares,
    all where it has none. ``seeds`` and ``options`` of the study are those of cells without.

    Raises:
        InputError: a field is missing, unknown or not usable.
    """
    try:
        content = Config.fromfile(file, import_custom_modules=False).to_dict()
    except Exception as error:
        raise InputError(f"{file} cannot be read: {error} ({type(error).__name__})") from error
    known = ["seeds", "options", "methods", *(f.name for f in fields(Study))]
    for name in content.keys() - set(known):  # variables of the file's own, or misspelt
        close = nearest(name, known, 0.8)
        if close:
            raise InputError(f"{name} in {file}: did you mean {close!r}?")
        del content[name]
    check_forms(content, STUDY, file)
    if "cells" not in content:
        raise InputError(f"{file} has no cells: give a list of dicts, each with its config")
    methods = {}
    for name, given in content.pop("methods", {}).items():
        place = f"method {name!r} in {file}"
        check_forms(given, METHOD, place)
        methods[name] = _make(Method, dict(given, name=name), place)
    shared = {name: content.pop(name) for name in ("seeds", "options") if name in content}
    cells = []
    for number, given in enumerate(content.pop("cells")):
        place = f"cells[{number}] in {file}"
        check_forms(given, CELL, place)
        metric = given.pop("metric", content.get("metric"))
        if metric != content.get("metric"):
            raise InputError(
                f"metric={metric!r} of {place}, but {content.get('metric')!r} of the study: "
                "give cells of another metric a study of their own"
            )
        names = given.pop("methods", list(methods))
        for name in names:
            _check_known(name, methods, f"method {name!r} of {place}")
        given["options"] = {**shared.get("options", {}), **given.get("options", {})}
        given.setdefault("seeds", shared.get("seeds", Cell.seeds))
        cells.append(_make(Cell, dict(given, methods=[methods[n] for n in names]), place))
    study = _make(Study, dict(content, cells=cells), file)
    _check(study, file)
    return study


def combinations(choices: Mapping[str, Sequence]) -> list[dict]:
    """All combinations of one value for each name, or of the settings in it where it is a dict."""
    return [
        {k: v for one in zip(choices, values) for k, v in settings_of(*one).items()}
        for values in product(*choices.values())
    ]


def settings_of(name: str, value: Any) -> dict[str, Any]:
    """What a value that is tried sets: several settings where it is a dict."""
    return dict(value) if isinstance(value, Mapping) else {name: value}


def label(settings: Settings) -> str:
    """``lr=0.1 rho=0.05``: fields of the config by the last part of their names."""
    return " ".join(f"{name.rpartition('.')[2]}={value}" for name, value in settings.items())


def typed_values(name: str, text: str) -> list:
    """The values of ``NAME=A,B``; those of a config field are parsed later, by its type."""
    typed = [Typed(part) for part in items(text)]
    return typed if "." in name else [meaning(value) for value in typed]


def _make(kind: type, given: dict, place: str) -> Any:
    known = [f.name for f in fields(kind)]
    for name in given:
        _check_known(name, known, f"{name!r} in {place}")
    try:
        return kind(**given)
    except TypeError as error:
        raise InputError(f"{place}: {str(error).partition(' ')[2]}") from error


def _check_known(name: str, known: Any, place: str) -> None:
    if name not in known:
        raise InputError(f"{place}: there is no such one{did_you_mean(name, known)}")


def _check(study: Study, file: str) -> None:
    """Refuse what would only show after long work."""
    if study.sampler not in SAMPLERS:
        raise InputError(f"sampler={study.sampler!r} in {file}: give 'grid' or 'optuna'")
    if study.trials and study.metric is None:
        raise InputError(f"metric=None in {file}: say by which one to choose")
    if not isinstance(study.validation, Mapping) and not 0 < study.validation < 1:
        raise InputError(f"validation={study.validation} in {file}: give a share such as 0.2")
    by_name = {cell.name: cell for cell in study.cells}
    if len(by_name) < len(study.cells):
        raise InputError(f"cells in {file}: two have the same name")
    for cell in study.cells:
        place = f"cell {cell.name!r} in {file}"
        if not os.path.isfile(cell.config) and "::" not in cell.config:
            raise InputError(f"config={cell.config} of {place} does not exist")
        source = by_name.get(cell.choices_of) if cell.choices_of else cell
        if source is None or source.choices_of:
            raise InputError(
                f"choices_of={cell.choices_of!r} of {place}: give the name of a cell that is tuned"
            )
        tuned = {method.name for method in study.tuned(source)}
        for method in cell.methods:
            wanted = method.choice_of or (method.name if method.tune else None)
            if wanted not in {None, *tuned}:
                raise InputError(
                    f"method {method.name!r} of {place} takes what is chosen for {wanted!r}, which "
                    f"is not tuned in cell {source.name!r}"
                )
        for method in study.tuned(cell):
            _check_trials(study, method, place)


def _check_trials(study: Study, method: Method, place: str) -> None:
    """Each method gets as many trials as any other, or more where its grid was widened."""
    place = f"method {method.name!r} of {place}"
    for name, values in method.tune.items():
        is_range = isinstance(values, tuple)
        if is_range and (study.sampler == "grid" or len(values) != 2 or not values[0] > 0):
            raise InputError(
                f"tune {name}={values} of {place}: give a list of values or, with "
                "sampler='optuna', a lowest and a highest number above 0"
            )
    if study.sampler == "grid" and len(combinations(method.tune)) < study.trials:
        raise InputError(
            f"{place} has {len(combinations(method.tune))} combinations of values, and "
            f"trials={study.trials}: give each tuned method at least that many"
        )
