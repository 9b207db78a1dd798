"""``KEY=VALUE`` of the command line: what was typed, and what it means where it goes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence

from bsam_suite.errors import InputError, brief

WORDS = {"true": True, "false": False, "none": None}
BRACKETS = {"[": "]", "(": ")"}
DEEPEST = 50
"""So many brackets may stand inside each other."""


class Typed(str):
    """A value as it was typed; :func:`meaning` turns it into that of a field."""


class KeyValues(argparse.Action):
    """Gathers ``KEY=VALUE ...`` in a dict, each value as it was typed."""

    def __call__(self, parser, namespace, values: Sequence[str], option_string=None) -> None:
        given = dict(getattr(namespace, self.dest, None) or {})
        setattr(namespace, self.dest, given | self._read(parser, values))

    def _read(self, parser: argparse.ArgumentParser, values: Sequence[str]) -> dict[str, Typed]:
        given = {}
        for text in values:
            key, sign, value = text.partition("=")
            if not sign or not all(key.split(".")):
                parser.error(
                    f"argument {self.option_strings[0]}: {text!r} is not KEY=VALUE: write no "
                    "spaces around the =, and quote values with spaces"
                )
            given[key] = Typed(value)
        return given


class NameAndValues(KeyValues):
    """Reads ``NAME KEY=VALUE ...`` as the pair of the name and such a dict."""

    def __call__(self, parser, namespace, values: Sequence[str], option_string=None) -> None:
        name, *rest = values
        if "=" in name:
            parser.error(f"argument {option_string}: {name!r}: give a name before KEY=VALUE")
        setattr(namespace, self.dest, (name, self._read(parser, rest)))


def meaning(value: object, like: object = None, kinds: Iterable[type] | None = None) -> object:
    """What ``value`` stands for in a field.

    Where a field holds text, so does the value, whatever it looks like: a path keeps its spaces,
    digits and commas, and a leading ``~`` is the home folder. Else it is read as MMEngine does:
    ``1e-3``, ``True``, ``None``, ``a,b``, ``[1,2]``, ``[(1,2),[a,b]]``, or a word.

    Args:
        value: :class:`Typed`; anything else is its own meaning.
        like: what the field holds now.
        kinds: the types that it is annotated with, where that is known.

    Raises:
        InputError: brackets that do not match, or what is neither true nor false.
    """
    if not isinstance(value, Typed):
        return value
    text = _unquoted(value)
    if text in ("None", "none"):
        return None
    kinds = set(kinds or ([str] if isinstance(like, str) else []))
    listed = text[:1] in BRACKETS and any(issubclass(kind, Iterable) for kind in kinds - {str})
    if str in kinds and not listed and not kinds & {int, float, bool}:
        return os.path.expanduser(text)
    if isinstance(like, (list, tuple)) and like and all(isinstance(v, str) for v in like):
        return type(like)(os.path.expanduser(_unquoted(t)) for t in items(text))
    found = _read(text)
    if isinstance(like, bool) and not isinstance(found, (bool, int)):
        raise InputError(f"{text!r} is neither true nor false: give True or False")
    return found


def items(text: str) -> list[str]:
    """The parts of ``a,b`` or ``[a,b]``.

    Raises:
        InputError: brackets that do not match.
    """
    whole = split(text)
    bracketed = len(whole) == 1 and BRACKETS.get(text[:1]) == text[-1:]
    return split(text[1:-1]) if bracketed else whole


def split(text: str) -> list[str]:
    """The parts of ``text`` between the commas that stand in no brackets.

    Raises:
        InputError: brackets that do not match, or too many of them in each other.
    """
    parts, start, closing = [], 0, []
    for i, char in enumerate(text):
        if char in BRACKETS:
            closing.append(BRACKETS[char])
            if len(closing) > DEEPEST:
                raise InputError(f"{brief(text)}: more than {DEEPEST} brackets in each other")
        elif char in BRACKETS.values() and (not closing or closing.pop() != char):
            raise InputError(f"{text!r}: there is a {char!r} without its counterpart")
        elif char == "," and not closing:
            parts.append(text[start:i].strip())
            start = i + 1
    if closing:
        raise InputError(f"{text!r}: there is no {closing[-1]!r} to end it")
    rest = text[start:].strip()
    return [*parts, rest] if rest else parts


def _read(text: str) -> object:
    text = _unquoted(text)
    parts = split(text) if "," in text or text[:1] in BRACKETS else [text]
    if text[:1] in BRACKETS and len(parts) == 1 and text.endswith(BRACKETS[text[0]]):
        found = [_read(part) for part in items(text)]
        return tuple(found) if text[0] == "(" else found
    if parts != [text]:  # f(1,2) has its comma in brackets
        return [_read(part) for part in parts]
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return os.path.expanduser(text)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else str(text)
