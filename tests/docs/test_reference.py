"""The API reference has every public name, and each tells what it takes and raises.

Public is what a config names (all that is registered), what a package lists in ``__all__``, and
what a page imports.
"""

import ast
import logging
import re
from pathlib import Path

import pytest

griffe = pytest.importorskip("griffe")

ROOT = Path(__file__).parents[2]
PAGES = {file: file.read_text() for file in (ROOT / "docs/api").glob("*.md")}
DIRECTIVES = [path for text in PAGES.values() for path in re.findall(r"^::: (\S+)$", text, re.M)]


@pytest.fixture(scope="module")
def sources():
    loader = griffe.GriffeLoader(search_paths=[ROOT], docstring_parser="google")
    for name in ("bsam_suite", "tasks"):
        loader.load(name)
    loader.resolve_aliases()
    return loader.modules_collection


@pytest.fixture(scope="module")
def shown(sources):
    """What stands in the reference, by its path in the source: classes, functions and methods."""
    found = {}
    for path in DIRECTIVES:
        for one in members(sources[path]):
            found[one.canonical_path] = one
    return found


def members(one):
    """An object and the public members that the reference shows of it."""
    one = one.final_target if one.is_alias else one
    if one.is_attribute:
        return
    if not one.is_module:
        yield one
    for name, member in one.members.items():
        public = not (name.startswith("_") or member.is_alias)
        if one.is_module and one.exports is not None:
            public = name in exported(one)
        if public and not member.is_module:
            yield from members(member)


def exported(module):
    """What ``__all__`` lists, with what it takes from another module's."""
    for name in module.exports or []:
        if isinstance(name, str):
            yield name
        else:
            path = module.members[name.name].target_path.removesuffix(".__all__")
            yield from module.modules_collection[path].exports


def test_what_is_registered_is_there(shown):
    missing = []
    for name in ("bsam_suite", "tasks"):
        for file in (ROOT / name).rglob("*.py"):
            for node in ast.parse(file.read_text()).body:
                decorators = map(ast.unparse, getattr(node, "decorator_list", []))
                if any(".register_module" in text for text in decorators):
                    module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
                    if f"{module}.{node.name}" not in shown:
                        missing.append(f"{module}.{node.name}")
    assert not missing


def test_what_packages_list_is_there(sources, shown):
    """But commands: the page on them tells what they do."""
    missing = []
    for package in sources["bsam_suite"].members.values():
        if package.is_module and package.exports and package.name != "commands":
            for member in (package.members[name] for name in exported(package)):
                kind = member.final_target if member.is_alias else member
                if (kind.is_class or kind.is_function) and kind.canonical_path not in shown:
                    missing.append(kind.canonical_path)
    assert not missing


def test_what_pages_import_is_there(sources, shown):
    text = "\n".join(file.read_text() for file in (ROOT / "docs").glob("*.md"))
    imported = re.findall(r"^from ((?:bsam_suite|tasks)[\w.]*) import (.+)$", text, re.M)
    assert len(imported) > 15
    for module, names in imported:
        for name in names.split(", "):
            one = sources[f"{module}.{name}"]
            if one.is_module:  # a module with the name of its function
                one = one.members[name]
            target = one.final_target if one.is_alias else one
            listed = [d for d in DIRECTIVES if target.canonical_path.startswith(d)]
            assert target.canonical_path in shown or (target.is_attribute and listed), name


def test_all_is_documented(shown):
    """But for methods that another class describes: hooks, and what a subclass fills in."""
    missing = []
    for path, one in shown.items():
        if not one.has_docstring and not (one.is_function and one.parent.is_class):
            missing.append(path)
    assert not missing


def test_errors_are_told(shown):
    """Who raises an ``InputError`` says so, or its class does."""
    missing = []
    for path, one in shown.items():
        if not one.is_function or not one.has_docstring:
            continue
        text = "".join(one.lines)
        if "raise InputError" in text or "raise FloatingPointError" in text:
            told = one.docstring.value
            if one.parent.is_class and one.parent.has_docstring:
                told += one.parent.docstring.value
            if "Raises:" not in told:
                missing.append(path)
    assert not missing


def test_classes_tell_their_errors(shown):
    missing = []
    for path, one in shown.items():
        start = one.members.get("__init__") if one.is_class else None
        own = start is not None and not start.is_alias
        if own and "raise InputError" in "".join(start.lines):
            missing += [path] if "Raises:" not in one.docstring.value else []
    assert not missing


def test_arguments_are_told(shown):
    """Of a class of more than one argument; of a function of more than three.

    A method that says ``see :meth:`other``` has the arguments of that one.
    """
    missing = []
    for path, one in shown.items():
        if one.is_class:
            start = one.members.get("__init__")
            known = start.parameters if start is not None and not start.is_alias else []
            least = 2
        elif one.is_function and one.has_docstring:
            known, least = one.parameters, 4
        else:
            continue
        told = one.docstring.value
        for other in re.findall(r"see :meth:`(\w+)`", told):
            told += one.parent.members[other].docstring.value
        names = [p.name for p in known if p.name not in ("self", "cls")]
        named = [n for n in names if re.search(rf"\b{n}\b", told)]
        if len(names) >= least and len(named) < len(names):
            missing.append(f"{path}: {', '.join(n for n in names if n not in named)}")
    assert not missing, "\n".join(missing)


def test_sections_are_well_formed(shown, caplog):
    """As ``make docs`` sees them: each entry is of one name, which the signature has."""
    several, settings = [], dict(warn_missing_types=False, returns_multiple_items=False)
    with caplog.at_level(logging.WARNING):
        for path, one in shown.items():
            for section in one.docstring.parse("google", **settings) if one.docstring else []:
                if section.kind.value in ("parameters", "attributes"):
                    several += [path for item in section.value if "," in item.name]
    assert not caplog.messages and not several
