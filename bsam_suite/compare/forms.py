"""What the fields of a study hold, checked before anything is made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from bsam_suite.errors import InputError, brief

Form = tuple[Callable[[Any], bool], str]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _is_dict(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and all(name.split(".")) for name in value
    )


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and abs(value) < math.inf  # type: ignore[arg-type]


def _is_count(value: object, least: int = 1) -> bool:
    return type(value) is int and least <= value < 2**31


def _is_tuned(value: object) -> bool:
    return _is_dict(value) and all(
        _is_list(several) and len(several) > 0
        for several in value.values()  # type: ignore[attr-defined]
    )


def _optional(form: Form) -> Form:
    return (lambda value: value is None or form[0](value)), f"{form[1]}, or None"


TEXT: Form = (_is_text, "text")
NAMES: Form = (lambda value: _is_list(value) and all(map(_is_text, value)), "a list of names")
DICTS: Form = (lambda value: _is_list(value) and all(map(_is_dict, value)), "a list of dicts")
SETTINGS: Form = (_is_dict, "a dict of values by name")
COUNT: Form = (_is_count, "a number from 1")

STUDY: dict[str, Form] = {
    "cells": (lambda value: DICTS[0](value) and len(value) > 0, "a list of dicts, one or more"),
    "methods": (
        lambda value: _is_dict(value) and all(map(_is_dict, value.values())),
        "a dict of dicts by name",
    ),
    "metric": _optional(TEXT),
    "higher": (lambda value: isinstance(value, bool), "True or False"),
    "trials": (lambda value: _is_count(value, 0), "a number from 0"),
    "tuning_seeds": COUNT,
    "seeds": COUNT,
    "validation": (
        lambda value: _is_number(value) or _is_dict(value),
        "a share such as 0.2, or a dict of values by name",
    ),
    "sampler": TEXT,
    "hooks": DICTS,
    "options": SETTINGS,
}
CELL: dict[str, Form] = {
    "config": TEXT,
    "name": TEXT,
    "options": SETTINGS,
    "methods": NAMES,
    "metric": _optional(TEXT),
    "seeds": COUNT,
    "choices_of": _optional(TEXT),
}
METHOD: dict[str, Form] = {
    "rule": TEXT,
    "settings": SETTINGS,
    "epochs": (lambda value: _is_number(value) and 0 < value < 2**31, "a number above 0"),
    "hooks": DICTS,
    "tune": (_is_tuned, "a dict of lists of values by name"),
    "choice_of": _optional(TEXT),
}


def check_forms(given: Mapping[str, object], forms: Mapping[str, Form], place: str) -> None:
    """Check that each of ``given`` holds what it is meant to; other names are passed over.

    Raises:
        InputError: one does not.
    """
    for name, value in given.items():
        holds, wanted = forms.get(name, (None, ""))
        if holds is not None and not holds(value):
            raise InputError(f"{name}={brief(value)} of {place}: give {wanted}")
