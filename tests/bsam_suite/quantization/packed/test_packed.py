"""Packed checkpoints: bit-exact for every width and quantizer, and as small as the bits say."""

import contextlib
import copy
import json
import os
import pickle

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet18

from bsam_suite.errors import InputError
from bsam_suite.quantization import calibrate, load_packed, quantize, save_packed
from bsam_suite.quantization.packed.bits import pack, unpack
from bsam_suite.quantization.packed.file import FORMAT, checksum

LSQ4 = dict(type="LSQ", bit_width=4)


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
    model = quantize(model, weight, activation, first_last_bit_width=None).eval()
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
WIDTHS += [(kind, b) for kind in ("MinMaxFakeQuantizer", "LSQPlus") for b in range(2, 9)]


@pytest.mark.parametrize("kind, bits", WIDTHS)
@pytest.mark.parametrize("per_channel", [False, True])
def test_it_loads_back_bit_exact(tmp_path, kind, bits, per_channel):
    torch.manual_seed(bits)
    x, weight = images(2, 3, 6, 6), dict(type=kind, bit_width=bits, per_channel=per_channel)
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
    model = converted(resnet18(), activation=None, type="LSQ", bit_width=bits, per_channel=True)
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
    with pytest.raises(InputError, match="the folder .*none does not exist"):
        save_packed(saved, tmp_path / "none" / "a.safetensors")
    save_packed(saved, file)
    with pytest.raises(InputError, match="a.safetensors exists"):
        save_packed(saved, file)
    with pytest.raises(InputError, match="conv.weight_quantizer has 4 bits in .* and 3 in"):
        load_packed(converted(Net(), type="LSQ", bit_width=3), file)
    with pytest.raises(InputError, match="a.safetensors is of another model: head"):
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


def changed(file, metadata=None, versions=None, **tensors):
    """A copy of ``file`` with other metadata, or other tensors; None leaves one out.

    Its checksum is right: who means harm can compute one.
    """
    with safe_open(file, "pt") as content:
        kept = content.metadata()[FORMAT]
        state = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
    state = {k: v for k, v in {**state, **tensors}.items() if v is not None}
    weights = json.loads(kept)["weights"]
    weights = weights if metadata is None else metadata(weights)
    text = dict(config=None, versions=versions or {}, weights=weights)
    text = json.dumps({**text, "crc32": checksum(text, state)})
    other = file.parent / "other.safetensors"
    save_file(state, other, {FORMAT: weights if isinstance(weights, str) else text})
    return other


def entry(**values):
    """Metadata with other values for ``conv.weight``; "gone" leaves one out."""

    def change(described):
        new = {k: v for k, v in {**described["conv.weight"], **values}.items() if v != "gone"}
        return {**described, "conv.weight": new}

    return change


DAMAGED = {
    "no JSON": (lambda d: "{", "its metadata is no JSON"),
    "deep JSON": (lambda d: "[" * 100_000, "its metadata is no JSON"),
    "no checksum": (
        lambda d: json.dumps(dict(weights=d)),
        "not a dict of config, versions, weights",
    ),
    "a list": (lambda d: [1], r"its metadata is \[1\] and not a dict"),
    "null": (lambda d: None, "its metadata is None and not a dict"),
    "a number for a weight": (
        lambda d: {**d, "conv.weight": 3},
        "of conv.weight is 3 and not a dict of bit_width",
    ),
    "no bits": (
        entry(bit_width="gone"),
        "of conv.weight is .* and not a dict of bit_width",
    ),
    "another key": (entry(more=1), "of conv.weight is .* and not a dict of bit_width"),
    "text": (entry(bit_width="4"), "of conv.weight has bit_width='4'"),
    "true": (entry(bit_width=True), "of conv.weight has bit_width=True"),
    "too many bits": (entry(bit_width=9), "of conv.weight has bit_width=9"),
    "no width": (entry(bit_width=0), "of conv.weight has bit_width=0"),
    "negative width": (entry(bit_width=-4), "of conv.weight has bit_width=-4"),
    "huge": (entry(bit_width=10**30), "of conv.weight has bit_width=1000"),
    "other bits": (entry(bit_width=5), "conv.weight.packed is not 119 bytes"),
    "wide range": (entry(quant_max=8), "of conv.weight has codes from -8 to 8, .* 4 bits"),
    "far range": (
        entry(quant_min=-(2**30), quant_max=7 - 2**30),
        "conv.weight has codes from -1073",
    ),
    "one end": (entry(quant_max=None), "of conv.weight has codes from -8 to None"),
    "ends of floats": (entry(quant_min=-8.0, quant_max=7.0), "conv.weight has codes from -8.0"),
    "narrow range": (entry(quant_max=-8), "conv.weight.packed has codes beyond -8"),
    "shape": (entry(shape=[7, 3, 3, 4]), "conv.weight.packed is not 126 bytes"),
    "turned shape": (entry(shape=[3, 7, 3, 3]), r"conv.weight is \(3, 7, 3, 3\) in"),
    "negative": (entry(shape=[-7, -3, 3, 3]), r"of conv.weight has shape=\[-7, -3, 3, 3\]"),
    "no shape": (entry(shape=None), "of conv.weight has shape=None"),
    "huge shape": (entry(shape=[2**62] * 3), "of conv.weight has shape="),
    "fewer layers": (lambda d: {"conv.weight": d["conv.weight"]}, "another model: up.weight"),
}


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A packed net, and a net to load into."""
    file = tmp_path_factory.mktemp("packed") / "a.safetensors"
    save_packed(converted(Net(), images(2, 3, 6, 6), **LSQ4), file)
    return file, converted(Net(), images(2, 3, 6, 6), **LSQ4)


def refused(file, model, message):
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(InputError, match=message) as raised:
        load_packed(model, file)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400
    after = model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(after[k], before[k]) for k in before)


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_metadata(packed, case):
    change, message = DAMAGED[case]
    file, model = packed
    refused(changed(file, change), model, message)


@pytest.mark.parametrize("versions", [[1], {"conv": "2"}, {"conv": 10**30}])
def test_damaged_versions(packed, versions):
    file, model = packed
    refused(changed(file, versions=versions), model, "its versions are .*, no numbers")


@pytest.mark.parametrize(
    "tensors, message",
    [
        ({"conv.weight.packed": None}, "conv.weight.packed is not 95 bytes"),  # 189 of 4 bits
        ({"conv.weight.packed": torch.zeros(94, dtype=torch.uint8)}, "packed is not 95 bytes"),
        ({"conv.weight.packed": torch.zeros(95)}, "conv.weight.packed is not 95 bytes"),
        ({"conv.weight.scale": None}, "conv.weight.scale is not finite floats"),
        ({"conv.weight.scale": torch.ones(2, 2)}, "conv.weight.scale is not finite floats"),
        ({"conv.weight.scale": torch.ones(1, 1, 1, 1, 1)}, "scale is not finite floats"),
        ({"conv.weight.scale": torch.tensor(float("nan"))}, "scale is not finite floats"),
        ({"conv.weight.scale": torch.tensor(1)}, "conv.weight.scale is not finite floats"),
        ({"conv.weight.offset": torch.ones(3)}, "conv.weight.offset is not finite floats"),
        ({"conv.bias": None}, "conv.bias is missing in"),
        ({"conv.bias": torch.zeros(3)}, r"conv.bias is \(3\) in"),
        ({"more": torch.zeros(3)}, "more is not in the model"),
        ({"head.input_quantizer.bits": torch.tensor(3)}, "head.input_quantizer has 3 bits"),
    ],
)
def test_damaged_tensors(packed, tensors, message):
    file, model = packed
    refused(changed(file, **tensors), model, message)


def test_any_cut_or_changed_byte_is_loaded_or_refused(packed, tmp_path):
    """Never a traceback; and the head of the file, in JSON, is refused wherever it is cut."""
    file, model = packed
    content = file.read_bytes()
    other = tmp_path / "b.safetensors"
    for place in range(0, len(content), len(content) // 40):
        other.write_bytes(content[:place])
        refused(other, model, "no whole safetensors file")
        other.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        with contextlib.suppress(InputError):
            load_packed(copy.deepcopy(model), other)


def test_every_byte_counts(tmp_path):
    """The format itself has no checksum."""
    file = tmp_path / "a.safetensors"
    save_packed(converted(Net(), images(2, 3, 6, 6), **LSQ4), file)
    assert os.listdir(tmp_path) == ["a.safetensors"]
    whole = file.read_bytes()
    data = 8 + int.from_bytes(whole[:8], "little")
    number = whole.index(b"quant_min") + len(b'quant_min\\": -')
    for place in (data, (data + len(whole)) // 2, len(whole) - 1, number):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match="a.safetensors.*(is damaged|no whole)"):
            load_packed(converted(Net(), **LSQ4), file)
    file.write_bytes(whole)
    load_packed(converted(Net(), **LSQ4), file)


def test_other_weights_take_the_place_of_rounded_ones(tmp_path):
    x, file = images(2, 3, 6, 6), tmp_path / "a.safetensors"
    saved = converted(Net(), x, **LSQ4)
    save_packed(saved, file)
    model = converted(Net(), **LSQ4)
    load_packed(model, file)
    twin = converted(Net(), **LSQ4)
    twin.load_state_dict(model.state_dict())  # its own state, saved as any
    assert torch.equal(twin(x), saved(x))
    model.load_state_dict(saved.state_dict())
    assert model.conv.weight_quantizer.bit_width == 4
    assert torch.equal(model.conv.weight, saved.conv.weight) and torch.equal(model(x), saved(x))
    model.train()(x).sum().backward()
    load_packed(model, file)
    model.load_state_dict(Net().state_dict(), strict=False)
    with pytest.raises(InputError, match="conv.input_quantizer is not calibrated"):
        model(x)


def test_rounded_weights_are_not_trained(tmp_path):
    x, file = images(2, 3, 6, 6), tmp_path / "a.safetensors"
    save_packed(converted(Net(), x, **LSQ4), file)
    model = converted(Net(), **LSQ4)
    load_packed(model, file)
    with pytest.raises(InputError, match="packed checkpoint.* cannot be trained"):
        model.train()(x)


def test_a_copy_and_a_pickle_compute_the_same(tmp_path):
    x = images(2, 3, 6, 6)
    kinds = dict(LSQ="LSQ", LSQPlus="LSQPlus", MinMaxFakeQuantizer="EMAFakeQuantizer")
    for weight, activation in kinds.items():
        activation = dict(type=activation, bit_width=4)
        model = converted(Net(), x, activation, type=weight, bit_width=4)
        torch.save(model, tmp_path / f"{weight}.pt")
        other = torch.load(tmp_path / f"{weight}.pt", weights_only=False)
        assert torch.equal(other(x), model(x))
        formula = model.conv.weight_quantizer.formula  # one kernel for all
        assert other.conv.weight_quantizer.formula is formula
        assert copy.deepcopy(model).head.weight_quantizer.formula is formula
    save_packed(model, tmp_path / "a.safetensors")
    load_packed(model, tmp_path / "a.safetensors")
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), model(x))


def test_bits_that_are_no_number_are_refused(tmp_path):
    """A tensor beside the weights may have the name of what a quantizer keeps."""
    x, file = images(2, 3, 6, 6), tmp_path / "a.safetensors"
    saved = converted(Net(), x, **LSQ4)
    save_packed(saved, file)
    for bits in (torch.zeros(2, 3), torch.tensor([]), torch.tensor(float("nan"))):
        other = changed(file, **{"conv.input_quantizer.bits": bits})
        with pytest.raises(InputError, match="bits in the checkpoint and 4 in the config"):
            load_packed(converted(Net(), **LSQ4), other)
