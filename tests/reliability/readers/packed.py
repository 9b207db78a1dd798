"""Packed checkpoints."""

import json
import random
from functools import cache
from pathlib import Path

import mutations as change
import safetensors
import torch
from safetensors.torch import load, save
from torch import nn

from bsam_suite.engine.checkpoint import read_checkpoint
from bsam_suite.engine.checkpoint_config import config_of_checkpoint
from bsam_suite.quantization import calibrate, load_packed, quantize, save_packed
from bsam_suite.quantization.packed.file import FORMAT, checksum
from readers.networks import CFG, INPUT, Net, odd_or_tensor
from readers.reader import Reader


def changed_packed(content: bytes, rng: random.Random) -> bytes:
    """A packed checkpoint with other metadata or tensors, whose checksum is right mostly."""
    if len(content) < 8:
        raise change.NotWhole
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length])
        about = json.loads(header["__metadata__"][FORMAT])
        if rng.random() < 0.25:
            text = change.to_json(change.changed_tree(header, rng))
            return len(text).to_bytes(8, "little") + text + content[8 + length :]
        state = load(content)
    except change.NotWhole:
        raise
    except Exception as error:
        raise change.NotWhole from error
    right = about.pop("crc32", 0) if isinstance(about, dict) else 0
    if rng.random() < 0.6:
        about = change.changed_tree(about, rng)
    else:
        name = rng.choice(list(state) or ["a"])
        odd_one = odd_or_tensor(rng)
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
            raise change.NotWhole from error
        about["crc32"] = right
    return save(state, {FORMAT: change.to_json(about).decode()})


def quantized(bits: int) -> nn.Module:
    torch.manual_seed(0)
    kind = dict(type="LSQ", bit_width=bits, per_channel=bits == 4)
    return quantize(Net(), kind, dict(type="LSQ", bit_width=4), first_last_bit_width=None).eval()


def packed_seeds(folder: Path) -> list[bytes]:
    made = []
    for bits in (4, 1):
        model = quantized(bits)
        calibrate(model, [INPUT])
        file = folder / f"seed{bits}.safetensors"
        save_packed(model, file, CFG)
        made.append(file.read_bytes())
        file.unlink()
    return made


@cache
def packed_model(bits: int) -> nn.Module:
    return quantized(bits)


def read_packed(path: Path) -> None:
    checkpoint = read_checkpoint(str(path))
    if checkpoint["meta"]["cfg"] is not None:
        config_of_checkpoint(checkpoint, str(path))
    model = packed_model(4)
    load_packed(model, path)
    model(INPUT)


def is_packed(content: bytes) -> None:
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert "__metadata__" in header
    safetensors.deserialize(content)


PACKED = Reader(".safetensors", packed_seeds, changed_packed, is_packed, read_packed)
