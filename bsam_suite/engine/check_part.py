"""A part of a config: a dict whose ``type`` a registry builds, with all that is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from mmengine import registry as registries
from mmengine.registry import Registry

from bsam_suite.engine.registered import find, find_anywhere, registered, registries_of
from bsam_suite.engine.signatures import Fields, fields_of, names_in, reads, wrong_kind
from bsam_suite.errors import InputError, brief
from bsam_suite.nearest import did_you_mean, nearest

ALWAYS = {"type", "_scope_"}
EMPTY: Mapping = {}
BOOL = frozenset({bool})
LEAST = {
    "max_epochs": 1,
    "max_iters": 1,
    "val_interval": 1,
    "batch_size": 1,
    "num_workers": 0,
    "accumulative_counts": 1,
    "base_batch_size": 1,
    "window_size": 1,
}
"""Whole numbers, and the least that makes sense; others do nothing, or fail during the run."""

INSIDE = {
    "dataset": registries.DATASETS,
    "datasets": registries.DATASETS,
    "pipeline": registries.TRANSFORMS,
    "transforms": registries.TRANSFORMS,
    "vis_backends": registries.VISBACKENDS,
}
"""The registry of what stands under these names in a part; elsewhere it may be any."""


def check_part(
    fields: object,
    registry: Registry,
    place: str,
    scope: str | None,
    default: str | None = None,
    extra: Mapping[str, frozenset[type] | None] = EMPTY,
) -> Callable | None:
    """Check a dict whose ``type`` is built from ``registry``, and all in it.

    Args:
        fields: the dict; an object that is built already passes.
        registry: MMEngine's, the parent of other libraries'.
        place: where the dict stands in the config.
        scope: the library whose names come first.
        default: the type where none is given.
        extra: fields that what builds it reads itself, with their kinds as in ``Fields``.

    Returns:
        What ``type`` names; None for an object.

    Raises:
        InputError: something in it is wrong.
    """
    if fields is None or isinstance(fields, (str, list, tuple, int, float)):
        remedy = f"dict(type={fields!r})" if isinstance(fields, str) else "dict(type=...)"
        raise InputError(f"{place}={fields!r}: give a dict, such as {remedy}")
    if not isinstance(fields, Mapping):
        return None
    scope = fields.get("_scope_") or scope
    kind = fields.get("type", default)
    names = registered(registry, scope)
    if kind is None:
        close = nearest("type", [name for name in fields if name != "type"], 0.75)
        hint = (
            f", but {close!r}{did_you_mean(close, ['type'])}"
            if close
            else f": name a {registry.name}"
        )
        raise InputError(f"{place} has no type{hint}")
    found = find(kind, registry, scope)
    if found is None:
        raise InputError(f"{place}.type={kind!r} does not exist{_instead(str(kind), names)}")
    _check_kind(fields, found, place, extra)
    _check_plain(fields, found, place, scope)
    _check_inside(fields, place, scope, found)
    return found


def _instead(kind: str, names: Iterable[str]) -> str:
    library = kind.partition(".")[0]
    missing = "." in kind and library and find_spec(library) is None
    return f": {library} is not installed" if missing else did_you_mean(kind, names)


def check_fields(
    fields: Mapping,
    known: Fields,
    owner: str,
    place: str,
    extra: Mapping[str, frozenset[type] | None] = EMPTY,
) -> None:
    """Check names and values of ``fields`` against what ``owner`` takes.

    Raises:
        InputError: one that it does not take, or one of the wrong kind or too small.
    """
    if not isinstance(fields, Mapping):
        raise InputError(f"{place}={fields!r}: give a dict")
    names = {**extra, **known.kinds}
    for name, value in fields.items():
        if name in ALWAYS:
            continue
        # Where others are taken, what is nearly one of the names is meant for it all the same.
        if name not in names and (not known.open or nearest(str(name), names, 0.85)):
            raise InputError(
                f"{place}.{name}={brief(value)}: {owner} takes no {name!r}"
                f"{did_you_mean(str(name), {*names, 'type'})}"
            )
        wanted = wrong_kind(value, names.get(name)) or _too_small(name, value)
        if wanted:
            raise InputError(f"{place}.{name}={brief(value)}: give {wanted}")


def _too_small(name: str, value: object) -> str | None:
    if isinstance(value, str) and name in LEAST:
        return "a number"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if name == "interval" and value != -1 and (value < 1 or value != value // 1):
        return "a whole number from 1, or -1 for never"
    if name in LEAST and (value < LEAST[name] or value != value // 1):  # inf and nan, too
        return f"a whole number from {LEAST[name]}"
    return None


def _check_kind(fields: Mapping, found: Callable, place: str, extra: Mapping) -> None:
    extra = {**extra, **getattr(found, "builder_fields", {})}
    check_fields(fields, fields_of(found), getattr(found, "__name__", str(found)), place, extra)
    for name, function in getattr(found, "arguments_of", {}).items():
        if fields.get(name) is not None:
            owner, inner = function.__name__, f"{place}.{name}"
            check_fields(fields[name], fields_of(function), owner, inner)


def _check_inside(value: Any, place: str, scope: str | None, owner: Callable | None) -> None:
    """Check the dicts in a part, which itself knows what builds them.

    Args:
        value: the part, or a list in it.
        owner: what builds the part.
    """
    entries: Iterable[tuple] = value.items() if isinstance(value, Mapping) else enumerate(value)
    for key, inner in entries:
        where = f"{place}.{key}"
        if key == "metainfo":  # describes the data; its types are no parts
            continue
        if key == "transforms" and getattr(owner, "__name__", "").startswith("Albu"):
            continue  # of the library Albumentations
        if isinstance(inner, Mapping):
            registry = INSIDE.get(key, INSIDE.get(place.rpartition(".")[2]))
            _check_unknown(inner, registry, where, scope, owner)
        elif isinstance(inner, (list, tuple)):
            _check_inside(inner, where, scope, owner)


def _check_unknown(
    fields: Mapping, registry: Registry | None, place: str, scope: str | None, owner: Any
) -> None:
    scope = fields.get("_scope_") or scope
    kind, chosen = fields.get("type"), None
    if kind is None:
        for name, value in fields.items():
            like = isinstance(value, str) and nearest("type", [str(name)], 0.75)
            if like and find_anywhere(value, scope):
                raise InputError(f"{place}.{name}={value!r}{did_you_mean(name, ['type'])}")
    else:
        found = find(kind, registry, scope) if registry is not None else None
        candidates = [found] if found is not None else find_anywhere(kind, scope)
        if candidates:
            taken = names_in(owner) & fields.keys() if isinstance(owner, type) else ()
            chosen = _check_one_of(fields, candidates, place, dict.fromkeys(taken))
            _check_plain(fields, chosen, place, scope)
        else:
            searched = registries_of(scope) if registry is None else [registry]
            pool = {name for one in searched for name in registered(one, scope)}
            # Not every dict with a type is a part: without a name like it, building it will tell.
            close = nearest(str(kind), pool, 0.85 if registry is None else 0.6)
            if close is not None:
                hint = did_you_mean(str(kind), [close])
                raise InputError(f"{place}.type={kind!r} does not exist{hint}")
    _check_inside(fields, place, scope, chosen)


def _check_plain(fields: Mapping, found: Callable, place: str, scope: str | None) -> None:
    """Check dicts without a type by what ``found`` and the parts in it look up in them."""
    readers = [found, *_types(fields, scope)]
    bases = [base for kind in readers for base in getattr(kind, "__mro__", (kind,))]
    for field, inner in fields.items():
        if isinstance(inner, Mapping) and "type" not in inner:
            known: dict = {}
            for base in bases:
                known |= reads(base, field)
            for name in inner:  # they may be read in other ways too
                if "**" in known or nearest(str(name), known, 0.8) is None:
                    known.setdefault(name, None)
            owner = getattr(found, "__name__", str(found))
            check_fields(inner, Fields(known, False), owner, f"{place}.{field}")


def _types(value: object, scope: str | None) -> Iterator[Callable]:
    if isinstance(value, (Mapping, list, tuple)):
        for inner in value.values() if isinstance(value, Mapping) else value:
            if isinstance(inner, Mapping) and isinstance(inner.get("type"), str):
                yield from find_anywhere(inner["type"], inner.get("_scope_") or scope)
            yield from _types(inner, scope)


def _check_one_of(
    fields: Mapping, candidates: list[Callable], place: str, extra: Mapping
) -> Callable:
    refused = []
    for found in candidates:
        try:
            # What builds it may read more itself: what its source names, or what is like no field.
            known = fields_of(found).kinds
            others = {name: None for name in fields if nearest(str(name), known) is None}
            _check_kind(fields, found, place, {**extra, **others})
            return found
        except InputError as error:
            refused.append(error)
    raise refused[0]
