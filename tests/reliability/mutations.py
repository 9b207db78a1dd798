"""Changes of valid files that most often leave their outer form whole.

Each takes the content of a file and a ``random.Random``, and returns another content. A content
that cannot be taken apart is an error, :class:`NotWhole`.
"""

import json
import random
from collections.abc import Callable


class NotWhole(Exception):
    """A content that is not of the expected form."""


DEEP = "[" * 3000 + "]" * 3000
NUMBERS = (0, -1, 1, 2, 7, 255, -128, 2**31, 2**53 + 1, -(2**63), 10**400, 0.5, -0.0, 1e-320, 1e308)
NUMBERS = (*NUMBERS, float("nan"), float("inf"), float("-inf"))
TEXTS = (
    "",
    " ",
    "a",
    "0",
    "1e5",
    "nan",
    "None",
    "../../etc/passwd",
    "a\0b",
    "\ud800",
    "\u202e",
    "é",
)
TEXTS = (*TEXTS, "x" * 5000, "a.b", "__class__", "{", "[1,2", "(", "%s", "$HOME", "~", "=", "::")


def odd(rng: random.Random) -> object:
    """A value that a field is seldom meant to hold."""
    kinds = (None, True, False, [], {}, [[]], [None], "@deep", rng.choice(NUMBERS))
    return rng.choice((*kinds, rng.choice(NUMBERS), rng.choice(TEXTS), rng.randint(-9, 9)))


def changed_tree(value: object, rng: random.Random, leaf: Callable = odd) -> object:
    """Lists and dicts with one place changed: replaced, moved, removed, doubled, renamed."""
    root = [value]
    places = [(root, 0)]
    for holder, key in places:  # grows
        inner = holder[key]
        if isinstance(inner, dict):
            places += [(inner, name) for name in inner]
        elif isinstance(inner, list):
            places += [(inner, number) for number in range(len(inner))]
    holder, key = rng.choice(places)
    inner, way = holder[key], rng.randrange(8)
    if way == 0:
        other, name = rng.choice(places)
        holder[key], other[name] = other[name], inner
        if _holds_itself(root[0], ()):
            raise NotWhole
    elif way == 1 and holder is not root:
        del holder[key]
    elif way == 2 and isinstance(holder, list) and holder is not root:
        holder.insert(rng.randint(0, len(holder)), _copy(inner))
    elif way == 3 and isinstance(holder, dict):
        name = rng.choice((rng.choice(TEXTS), rng.choice(list(holder))))
        holder[name] = holder.pop(key)
    elif way <= 5 and type(inner) in (int, float):
        ways = (-inner, inner + 1, inner - 1, f"{inner!r:.400}", rng.choice(NUMBERS))
        near = abs(inner) < 2**60
        holder[key] = rng.choice((*ways, inner * 0.5, float(inner)) if near else ways)
    else:
        holder[key] = leaf(rng)
    return root[0]


def _copy(value: object) -> object:
    if isinstance(value, dict):
        return {k: _copy(v) for k, v in value.items()}
    return [_copy(v) for v in value] if isinstance(value, list) else value


def _holds_itself(value: object, above: tuple) -> bool:
    inner = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (dict, list)):
        return False
    return id(value) in above or any(_holds_itself(v, (*above, id(value))) for v in inner)


def changed_json(content: bytes, rng: random.Random) -> bytes:
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NotWhole from error
    return to_json(changed_tree(tree, rng))


def to_json(tree: object) -> bytes:
    try:
        return json.dumps(tree).replace('"@deep"', DEEP).encode()
    except RecursionError as error:
        raise NotWhole from error


def changed_bytes(content: bytes, rng: random.Random) -> bytes:
    """Bits turned, numbers put in, parts cut out, doubled or moved, or the end cut off."""
    data = bytearray(content)
    if not data:
        raise NotWhole
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(data) or 1), rng.choice((1, 1, 2, 4, 8, rng.randint(1, 64)))
        way = rng.randrange(6)
        if way == 0 and data:
            data[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            value = rng.choice((0, 1, -1, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31))
            size, order = rng.choice((1, 2, 4)), rng.choice(("little", "big"))
            data[at : at + size] = (value % 256**size).to_bytes(size, order)
        elif way == 2:
            del data[at : at + length]
        elif way == 3:
            data[at:at] = data[at : at + length]
        elif way == 4:
            data[at : at + length] = rng.randbytes(length)
        elif rng.random() < 0.3:
            del data[at:]
    return bytes(data)
