"""Packed checkpoints: bit-exact for every width and quantizer, and as small as the bits say."""

import copy
import os

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from bsam_suite.errors import InputError
from tasks.quantization.calibrate import calibrate
from tasks.quantization.convert import quantize
from tasks.quantization.export.bits import pack, unpack
from tasks.quantization.export.packed import load_packed, save_packed

LSQ4 = dict(type="LSQ", bits=4)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 7, 3)
        self.up = nn.ConvTranspose2d(7, 5, 2)
        self.attention = nn.MultiheadAttention(5, 1, batch_first=True)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        x = self.up(self.conv(x).relu()).flatten(2).transpose(1, 2)
        return self.head(self.attention(x, x, x)[0].mean(1))


def converted(model, x=None, activation=LSQ4, **weight):
    model = quantize(model, weight, activation, first_last_bits=None).eval()
    if x is not None:
        calibrate(model, [x])
    return model


def images(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bits", range(1, 9))
def test_bits_side_by_side(bits):
    values = torch.randint(0, 2**bits, (3, 7), generator=torch.Generator().manual_seed(1)).numpy()
    packed = pack(values, bits)
    assert packed.nbytes == -(-21 * bits // 8)
    assert (unpack(packed, bits, 21) == values.reshape(-1)).all()


WIDTHS = [(kind, b) for kind in ("LSQ", "DoReFaWeight") for b in range(1, 9)]
WIDTHS += [(kind, b) for kind in ("MinMaxObserver", "LSQPlus") for b in range(2, 9)]


@pytest.mark.parametrize("kind, bits", WIDTHS)
@pytest.mark.parametrize("per_channel", [False, True])
def test_it_loads_back_bit_exact(tmp_path, kind, bits, per_channel):
    torch.manual_seed(bits)
    x, weight = images(2, 3, 6, 6), dict(type=kind, bits=bits, per_channel=per_channel)
    saved = converted(Net(), x, **weight)
    size = save_packed(saved, tmp_path / "a.safetensors")
    loaded = converted(Net(), **weight)
    load_packed(loaded, tmp_path / "a.safetensors")
    for name in ("conv", "up", "attention", "attention.out_proj", "head"):
        ours, theirs = loaded.get_submodule(name), saved.get_submodule(name)
        assert torch.equal(ours.quantized_weight(), theirs.quantized_weight()), name
        assert torch.equal(ours.weight_codes().values, theirs.weight_codes().values), name
        values = theirs.weight_codes().values
        assert values.float().std() > 0, name
    assert torch.equal(loaded(x), saved(x))
    assert save_packed(loaded, tmp_path / "b.safetensors") == size
    same = [(tmp_path / f"{n}.safetensors").read_bytes() for n in "ab"]
    assert same[0] == same[1]


@pytest.mark.parametrize("bits", [8, 4, 3, 2, 1])
def test_size_of_a_resnet(tmp_path, bits):
    torch.manual_seed(0)
    model = converted(resnet18(), activation=None, type="LSQ", bits=bits, per_channel=True)
    size = save_packed(model, tmp_path / "a.safetensors")
    assert size.weights == sum(p.numel() for p in model.parameters() if p.ndim > 1)
    assert size.ideal_bytes == size.weights * bits / 8
    assert size.ideal_bytes <= size.weight_bytes < 1.02 * size.ideal_bytes
    assert size.file_bytes < size.weight_bytes + size.other_bytes + 40_000  # names and shapes
    assert size.other_bytes < 100_000


def test_channels_last_and_float_layers_stay(tmp_path):
    x = images(2, 3, 6, 6)
    net = Net().to(memory_format=torch.channels_last)
    build = dict(weight=LSQ4, activation=LSQ4, skip=["head"])
    saved = quantize(net, **build).eval()
    calibrate(saved, [x])
    save_packed(saved, tmp_path / "a.safetensors")
    loaded = quantize(Net().to(memory_format=torch.channels_last), **build).eval()
    load_packed(loaded, tmp_path / "a.safetensors")
    assert loaded.conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(loaded(x), saved(x))


def test_refusals(tmp_path):
    x, file = images(2, 3, 6, 6), tmp_path / "a.safetensors"
    with pytest.raises(InputError, match="Net has no quantized layer"):
        save_packed(Net(), file)
    saved = converted(Net(), x, **LSQ4)
    with pytest.raises(InputError, match="there is no folder"):
        save_packed(saved, tmp_path / "none" / "a.safetensors")
    save_packed(saved, file)
    with pytest.raises(InputError, match="a.safetensors exists"):
        save_packed(saved, file)
    with pytest.raises(InputError, match="conv has 4 bits in .* and 3 in the config"):
        load_packed(converted(Net(), type="LSQ", bits=3), file)
    with pytest.raises(InputError, match="head is quantized in only one"):
        load_packed(quantize(Net(), LSQ4, LSQ4, ["head"], None), file)
    with pytest.raises(InputError, match="does not exist"):
        load_packed(saved, tmp_path / "none.safetensors")
    (tmp_path / "cut.safetensors").write_bytes(file.read_bytes()[:500])
    with pytest.raises(InputError, match="no whole safetensors"):
        load_packed(saved, tmp_path / "cut.safetensors")
    wider = Net()
    wider.head = nn.Linear(5, 4)
    wider = converted(wider, x, **LSQ4)
    before = copy.deepcopy(wider.state_dict())
    with pytest.raises(InputError, match="a.safetensors is of another model: head"):
        load_packed(wider, file)
    after = wider.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(after[k], before[k]) for k in before)
    load_packed(converted(Net(), **LSQ4), file)


def test_every_byte_counts(tmp_path):
    """The format itself has no checksum."""
    file = tmp_path / "a.safetensors"
    save_packed(converted(Net(), images(2, 3, 6, 6), **LSQ4), file)
    assert os.listdir(tmp_path) == ["a.safetensors"]
    whole = file.read_bytes()
    data = 8 + int.from_bytes(whole[:8], "little")
    bounds = whole.index(b"bounds") + len(b'bounds\\": [-')
    for place in (data, (data + len(whole)) // 2, len(whole) - 1, bounds):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match="a.safetensors is (damaged|no whole)"):
            load_packed(converted(Net(), **LSQ4), file)
    file.write_bytes(whole)
    load_packed(converted(Net(), **LSQ4), file)


def test_float_weights_do_not_slip_in(tmp_path):
    x, file = images(2, 3, 6, 6), tmp_path / "a.safetensors"
    save_packed(converted(Net(), x, **LSQ4), file)
    model = converted(Net(), **LSQ4)
    load_packed(model, file)
    with pytest.raises(InputError, match="rounded weights: build it anew"):
        model.load_state_dict(Net().state_dict(), strict=False)
