"""Docstrings as the API reference shows them: roles become links, examples become code."""

from __future__ import annotations

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^( *)Example:$", re.M)
ROLE = re.compile(r":(?:class|func|mod|meth|data|attr|exc):`~?([\w.]+)`")


class Docstrings(griffe.Extension):
    """Rewrite the docstrings of a package.

    A role such as ``:class:`Objective``` becomes a link where the reference has its target, or else
    code. ``Example:`` becomes the section that Griffe knows.
    """

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Change the docstrings of a package that is loaded."""
        self._change(pkg)

    def _change(self, one: griffe.Object) -> None:
        if one.docstring:
            text = ROLE.sub(lambda m: _link(one, m[1]), one.docstring.value)
            one.docstring.value = EXAMPLE.sub(r"\1Examples:", text)
        for member in one.members.values():
            if not member.is_alias:
                self._change(member)


def _link(one: griffe.Object, name: str) -> str:
    # Optional: plain code where no page has the target.
    return f'<autoref optional identifier="{_target(one, name)}"><code>{name}</code></autoref>'


def _target(one: griffe.Object, name: str) -> str:
    """The whole path of a name as it is seen from ``one``, or the name itself."""
    try:
        return one.resolve(name)
    except griffe.NameResolutionError:
        return name
