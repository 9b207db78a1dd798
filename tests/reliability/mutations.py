"""Changes of valid files that most often leave their outer form whole.

Each takes the content of a file and a ``random.Random``, and returns another content. A content
that cannot be taken apart is an error, :class:`NotWhole`.
"""

import io
import json
import random
import zipfile
from collections.abc import Callable

import numpy as np
import torch


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
    return _to_json(changed_tree(tree, rng))


def _to_json(tree: object) -> bytes:
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


def changed_image(content: bytes, rng: random.Random) -> bytes:
    """An image whose first bytes, which say what and how large it is, stay mostly as they are."""
    from PIL import Image

    try:
        Image.open(io.BytesIO(content)).close()
    except Exception as error:
        raise NotWhole from error
    head = rng.choice((0, 48, 48, 200))
    return content[:head] + changed_bytes(content[head:], rng)


def changed_checkpoint(content: bytes, rng: random.Random) -> bytes:
    """A file of ``torch.save`` with another object in it, or other bytes in one of its parts."""
    if rng.random() < 0.5:
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as file:
                parts = [(part.filename, file.read(part)) for part in file.infolist()]
        except Exception as error:
            raise NotWhole from error
        number = rng.randrange(len(parts))
        name, inner = parts[number]
        if rng.random() < 0.2:
            parts[number : number + 1] = rng.choice(
                ([], [(name, inner)] * 2, [("b/" + name, inner)])
            )
        elif inner:
            parts[number] = name, changed_bytes(inner, rng)
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w") as file:
            for name, inner in parts:
                file.writestr(zipfile.ZipInfo(name), inner)  # with a checksum that is right
        return made.getvalue()
    try:
        tree = torch.load(io.BytesIO(content), weights_only=True)
    except Exception as error:
        raise NotWhole from error
    made = io.BytesIO()
    torch.save(changed_tree(_plain(tree), rng, _odd_or_tensor), made)
    return made.getvalue()


def _plain(value: object) -> object:
    """Ordered dicts and tuples as dicts and lists."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


SHAPES = ((), (0,), (1,), (3,), (2, 3), (2, 3, 1, 1), (1, 0, 2))
KINDS = (torch.float32, torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool)
KINDS = (*KINDS, torch.complex64, torch.bfloat16)


def _odd_or_tensor(rng: random.Random) -> object:
    if rng.random() < 0.5:
        found = odd(rng)
        return "deep" if found == "@deep" else found
    made = torch.zeros(rng.choice(SHAPES), dtype=rng.choice(KINDS))
    ways = (made, made, made.fill_(float("nan")) if made.is_floating_point() else made)
    ways += (torch.zeros(1).expand(10**6, 10**4), made.to_sparse(), torch.empty(2, device="meta"))
    return rng.choice((*ways, np.zeros(2)))


def changed_packed(content: bytes, rng: random.Random) -> bytes:
    """A packed checkpoint with other metadata or tensors, whose checksum is right mostly."""
    from safetensors.torch import load, save

    from bsam_suite.quantization.packed.file import FORMAT, checksum

    if len(content) < 8:
        raise NotWhole
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
        about = json.loads(header["__metadata__"][FORMAT])
        if rng.random() < 0.25:
            text = _to_json(changed_tree(header, rng))
            return len(text).to_bytes(8, "little") + text + content[8 + length :]
        state = load(content)
    except NotWhole:
        raise
    except Exception as error:
        raise NotWhole from error
    right = about.pop("crc32", 0) if isinstance(about, dict) else 0
    if rng.random() < 0.6:
        about = changed_tree(about, rng)
    else:
        name = rng.choice(list(state) or ["a"])
        odd_one = _odd_or_tensor(rng)
        plain = isinstance(odd_one, torch.Tensor) and odd_one.layout is torch.strided
        plain = plain and not odd_one.is_meta and odd_one.numel() < 10**4
        if name in state and rng.random() < 0.2:
            del state[name]
        else:
            state[rng.choice((name, name, "new", name + ".offset"))] = (
                odd_one if plain else torch.randint(0, 256, (rng.randint(0, 99),)).to(torch.uint8)
            )
    if isinstance(about, dict):
        try:
            right = checksum(about, state) if rng.random() < 0.95 else right
        except (ValueError, RecursionError) as error:
            raise NotWhole from error
        about["crc32"] = right
    return save(state, {FORMAT: _to_json(about).decode()})


def changed_onnx(content: bytes, rng: random.Random) -> bytes:
    """A network with one field of one of its messages changed."""
    import onnx

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:
        raise NotWhole from error
    messages = [model]
    for message in messages:  # grows
        for field, value in message.ListFields():
            if field.message_type is not None:
                messages += list(value) if _is_list(value) else [value]
    message = rng.choice(messages)
    fields = message.ListFields()
    if not fields:
        raise NotWhole
    field, value = rng.choice(fields)
    if _is_list(value):
        at, way = rng.randrange(len(value)), rng.randrange(3)
        one = value[at]
        if way == 0 or field.message_type is not None and way == 1:
            del value[at]
        elif field.message_type is not None:
            value.add().CopyFrom(one)
        elif way == 1:
            value.append(one)
        else:
            value[at] = _other(one, rng)
    elif field.message_type is not None or rng.random() < 0.2:
        message.ClearField(field.name)
    else:
        try:
            setattr(message, field.name, _other(value, rng))
        except (ValueError, TypeError) as error:  # not of this field
            raise NotWhole from error
    return model.SerializeToString()


def _is_list(value: object) -> bool:
    return hasattr(value, "append")


def _other(value: object, rng: random.Random) -> object:
    if isinstance(value, bytes):
        return changed_bytes(value or b"\0", rng)
    if isinstance(value, str):
        return rng.choice(
            [text for text in TEXTS if text.isascii()] + [value + "1", "Conv", "Loop"]
        )
    if isinstance(value, float):
        return rng.choice((0.0, -1.0, 1e30, float("nan"), -value))
    return rng.choice((0, 1, -1, 2, 3, 7, 2**16, 2**31 - 1, value + 1, value - 1))


SIGNS = (
    "=",
    ".",
    ",",
    "[",
    "]",
    "(",
    ")",
    "'",
    '"',
    "-",
    "1",
    "e",
    "0",
    "~",
    "\\",
    "{",
    "}",
    "é",
    "#",
)


def changed_options(content: bytes, rng: random.Random) -> bytes:
    """Lines of ``KEY=VALUE`` with other keys and values, or other signs in them."""
    pairs = [line.partition("=") for line in content.decode(errors="surrogateescape").splitlines()]
    if not pairs:
        raise NotWhole
    at, way = rng.randrange(len(pairs)), rng.randrange(6)
    key, sign, value = pairs[at]
    if way == 0:
        value = str(odd(rng))[:200]
    elif way == 1:
        value = rng.choice(pairs)[2]
    elif way == 2:
        key = rng.choice(pairs)[0]
        value = value if rng.random() < 0.5 else rng.choice(pairs)[2]
    elif way == 3:
        parts = key.split(".")
        parts[rng.randrange(len(parts))] = rng.choice(
            ("0", "-1", "9", "type", "a", "lr", "_delete_")
        )
        key = ".".join(parts)
    elif way == 4:
        place = rng.randint(0, len(value))
        value = value[:place] + rng.choice(SIGNS) + value[place + rng.randint(0, 2) :]
    else:
        place = rng.randint(0, len(key))
        key = key[:place] + rng.choice(SIGNS) + key[place + rng.randint(0, 1) :]
    pairs[at] = key, sign, value
    if len(pairs) > 1 and rng.random() < 0.2:
        del pairs[rng.randrange(len(pairs))]
    return "\n".join(map("".join, pairs)).encode(errors="replace")
