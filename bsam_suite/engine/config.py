"""Load a config with the options of the command line."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from mmengine.config import Config, ConfigDict
from mmengine.registry import FUNCTIONS
from mmengine.runner import Runner

from bsam_suite.engine.check_config import check_config
from bsam_suite.engine.imports import config_file, import_parts
from bsam_suite.engine.read_config import read_config
from bsam_suite.engine.registered import find_anywhere
from bsam_suite.engine.rule_option import choose_rule, use_rule
from bsam_suite.engine.signatures import fields_of
from bsam_suite.errors import InputError
from bsam_suite.nearest import did_you_mean, nearest
from bsam_suite.options import meaning


def load_config(
    path: str, options: dict | None = None, rule: tuple[str, dict] | None = None
) -> Config:
    """Read the config at ``path``, merge ``options`` (dotted keys) into it, and resolve the rest.

    What the config leaves to the data, the machine or the options is filled in by the functions
    that its field ``resolve`` names, as :func:`preflight` calls them: quickly, and without a word
    on data that is not there. An option has the last word on what it sets. ``rule``, a name and
    hyperparameters, takes the place of the config's own first.

    Raises:
        InputError: no such config, a config that cannot be read, or an option that is unknown or
            does not fit.
    """
    options = dict(options or {})
    path = config_file(path)
    cfg = read_config(path, options)
    import_parts(cfg, path)
    if rule is not None:
        use_rule(cfg, choose_rule(cfg, *rule, "--rule"))
    merge_options(cfg, options)
    _call(cfg, "resolve")
    merge_options(cfg, options)
    return cfg


def merge_options(cfg: Config, options: dict) -> None:
    """Merge ``options`` (dotted keys) into ``cfg``.

    ``data_root`` among them moves every path of the config that lies in its own ``data_root``.

    Raises:
        InputError: an option that is unknown or does not fit.
    """
    rest = {key: value for key, value in options.items() if key != "data_root"}
    for key, value in rest.items():
        _check_option(cfg, key, value)  # before anything changes
    old_root, new_root = cfg.get("data_root"), options.get("data_root")
    if new_root is not None:
        new_root = _check_option(cfg, "data_root", new_root)
        if not isinstance(old_root, str):
            raise InputError(
                f"--cfg-options data_root={new_root}: {cfg.filename} sets no data_root"
            )
        move_data_root(cfg, str(new_root))
    for key, value in rest.items():
        _set(cfg, key, _check_option(cfg, key, value))  # the options before it may not leave it


def move_data_root(cfg: Config, root: str) -> None:
    """Move every path of ``cfg`` that lies in its ``data_root`` to ``root``."""
    old = cfg.data_root
    for key, value in cfg.items():
        cfg[key] = _moved(value, old, root)


def _set(cfg: Config, key: str, value: object) -> None:
    if isinstance(value, Mapping):
        try:
            cfg.merge_from_dict({key: value})
        except TypeError as error:  # a dict for what is none
            raise InputError(f"--cfg-options {key}: {str(error).partition('. You')[0]}") from error
        return
    *path, name = key.split(".")
    node = cfg
    for part in path:
        if isinstance(node, (list, tuple)):
            node = node[int(part)]
            continue
        if node.get(part) is None:
            node[part] = ConfigDict()
        node = node[part]
    node[int(name) if isinstance(node, list) else name] = value


def _check_option(cfg: Config, key: str, value: object) -> object:
    """What ``value`` means at ``key``.

    Raises:
        InputError: there is no such place, or the value does not belong there.
    """
    *path, name = key.split(".")
    node, place = cfg, ""
    for part in path:
        node, place = _step(cfg, node, place, part, key), f"{place}.{part}".lstrip(".")
        if node is None:
            return meaning(value)  # a part that the config does not have yet
    like = _step(cfg, node, place, name, key)
    if isinstance(node, tuple):
        raise InputError(f"--cfg-options {key}: {place} is {node!r}: give all of it, (a,b)")
    try:
        return meaning(value, like, _declared(cfg, node, name))
    except InputError as error:
        raise InputError(f"--cfg-options {key}: {error}") from error


def _step(cfg: Config, node: object, place: str, name: str, key: str) -> object:
    """What stands under ``name`` in ``node``; None for what can be added there."""
    if isinstance(node, (list, tuple)):
        if not (name.isdecimal() and int(name) < len(node)):
            raise InputError(f"--cfg-options {key}: {place} is a list, give 0 to {len(node) - 1}")
        return node[int(name)]
    if not isinstance(node, Mapping | Config):
        raise InputError(f"--cfg-options {key}: {place} is {node!r}, it has no field {name!r}")
    if name in node:
        return node[name]
    known = set(node)
    if node is cfg:
        known |= set(inspect.signature(Runner.__init__).parameters) - {"self"}
        wrong = name not in known
    else:  # what parts take is checked later, all over the config
        wrong = "type" not in node and nearest(name, map(str, known), 0.8) is not None
    if wrong:
        owner = place or cfg.filename
        raise InputError(f"--cfg-options {key}: {owner} has no {name!r}{did_you_mean(name, known)}")
    return None


def _declared(cfg: Config, node: object, name: str) -> frozenset[type] | None:
    """The types that the constructor which reads ``name`` is annotated with."""
    if node is cfg:
        return frozenset({str}) if name == "data_root" else fields_of(Runner).kinds.get(name)
    kind = node.get("type") if isinstance(node, Mapping) else None
    scope = cfg.get("default_scope")
    for found in find_anywhere(kind, scope) if kind is not None else ():
        return fields_of(found).kinds.get(name)
    return None


def preflight(cfg: Config) -> None:
    """Check the config and run its ``preflight`` functions, before any long work.

    Each entry is a config of a function in MMEngine's ``FUNCTIONS`` registry, called with ``cfg``
    as first argument.

    Raises:
        InputError: what :func:`bsam_suite.engine.check_config.check_config` refuses, or one of the
            functions.
    """
    check_config(cfg)
    _call(cfg, "preflight")


def _call(cfg: Config, field: str) -> None:
    for entry in cfg.get(field, []):
        arguments = dict(entry)
        name = arguments.pop("type")
        function = FUNCTIONS.get(name)
        if function is None:
            hint = did_you_mean(str(name), FUNCTIONS.module_dict)
            raise InputError(f"{field} {name!r} in {cfg.filename} does not exist{hint}")
        function(cfg, **arguments)


def _moved(value, old: str, new: str):
    if isinstance(value, dict):
        return {k: _moved(v, old, new) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_moved(v, old, new) for v in value)
    if isinstance(value, str):
        if value.rstrip("/") == old.rstrip("/"):
            return new
        if value.startswith(old.rstrip("/") + "/"):
            return new.rstrip("/") + value[len(old.rstrip("/")) :]
    return value
