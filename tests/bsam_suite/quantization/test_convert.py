"""Which layers of which models get how many bits; and what is refused."""

import re

import pytest
import torch
import torchvision
from torch import nn

from bsam_suite.errors import InputError
from bsam_suite.quantization import (
    LAST_LAYERS,
    LSQ,
    MinMaxFakeQuantizer,
    calibrate,
    layer_bits,
    quantize,
)
from bsam_suite.quantization.layers import QuantizedLayer

LSQ4 = dict(type="LSQ", bit_width=4)
FINE = dict(type="MinMaxFakeQuantizer", bit_width=8)
PRECISE = dict(type="MinMaxFakeQuantizer", bit_width=8, per_channel=True)


def small():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.ModuleDict(dict(a=nn.Conv2d(8, 8, 3), b=nn.Conv2d(8, 8, 1)))["a"],
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 6),
        nn.Linear(6, 5),
    )


def bits(model):
    return {row.name: (row.weight_bits, row.activation_bits) for row in layer_bits(model)}


def test_bits_of_each_layer():
    model = small()
    quantized = quantize(model, dict(LSQ4, bit_width=2), LSQ4, skip=["7"])
    assert bits(quantized) == {"0": (8, 8), "3": (2, 4), "7": (32, 32), "8": (8, 8)}
    assert bits(quantize(model, LSQ4, None)) == {
        "0": (8, 32),
        "3": (4, 32),
        "7": (4, 32),
        "8": (8, 32),
    }
    assert set(bits(quantize(model, LSQ4, LSQ4, first_last_bit_width=None)).values()) == {(4, 4)}
    assert bits(quantize(model, LSQ4, LSQ4, first_last_bit_width=6, skip=["8"]))["7"] == (4, 4)
    assert set(bits(model).values()) == {(32, 32)}  # the float model stays
    assert [row.weights for row in layer_bits(model)] == [216, 576, 48, 30]


def test_a_model_with_two_last_layers(monkeypatch):
    layers = ["stem", "body", "x", "y", "aside"]
    model = nn.ModuleDict({name: nn.Linear(3, 3) for name in layers})
    found = bits(quantize(model, LSQ4, LSQ4, last=["x", "y"]))
    assert found == {n: (4, 4) if n in ("body", "aside") else (8, 8) for n in layers}
    found = bits(quantize(model, LSQ4, LSQ4, last=["x"], first_last_bit_width=None))
    assert set(found.values()) == {(4, 4)}
    two_ends = type("TwoEnds", (nn.ModuleDict,), {})
    monkeypatch.setitem(LAST_LAYERS, two_ends, ["[xy]"])
    for inner in (two_ends(model), type("Child", (two_ends,), {})(model)):  # by its class alone
        found = bits(quantize(nn.ModuleDict(dict(stem=nn.Linear(3, 3), net=inner)), LSQ4, LSQ4))
        assert {n for n in found if found[n] == (8, 8)} == {"stem", "net.x", "net.y"}
        assert bits(quantize(inner, LSQ4, LSQ4, last=["aside"]))["x"] == (4, 4)
    refuses("last: pattern 'z' matches no layer; a layer is called", model=model, last=["z"])
    refuses("last='x': give a list of patterns", model=model, last="x")


@pytest.mark.parametrize(
    "pattern, skipped",
    [("body", {"body.0", "body.1"}), ("*.1", {"body.1"}), ("body.*", {"body.0", "body.1"})],
)
def test_patterns(pattern, skipped):
    body = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model = nn.ModuleDict(dict(stem=nn.Linear(3, 3), body=body, head=nn.Linear(3, 3)))
    found = bits(quantize(model, LSQ4, LSQ4, skip=[pattern]))
    assert {name for name, b in found.items() if b == (32, 32)} == skipped


def test_options_reach_the_quantizers():
    weight = dict(type=LSQ, bit_width=4, per_channel=True)
    activation = dict(type="EMAFakeQuantizer", bit_width=4, momentum=0.3, signed=False)
    quantized = quantize(small(), weight, activation)[3]
    assert quantized.weight_quantizer.scale.shape == (8,)
    assert quantized.input_quantizer.momentum == 0.3 and quantized.input_quantizer.channels is None
    assert quantized.input_quantizer.signed is False


def test_weights_shared_by_layers_stay_shared():
    model = nn.ModuleDict(dict(embed=nn.Embedding(5, 3), out=nn.Linear(3, 5), mid=nn.Linear(3, 3)))
    model["out"].weight = model["embed"].weight
    model["again"] = model["mid"]
    quantized = quantize(model, LSQ4, LSQ4)
    assert quantized["out"].weight is quantized["embed"].weight
    assert quantized["again"] is quantized["mid"] and isinstance(quantized["mid"], QuantizedLayer)
    assert type(quantized["embed"]) is nn.Embedding


def trained(model):
    """As if trained: batch norms settled, no zeros in the head."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    model.eval()  # MMPose's returns None
    return model


def resnet18():
    net = torchvision.models.ResNet(
        torchvision.models.resnet.BasicBlock, [2, 2, 2, 2], width_per_group=64, num_classes=10
    )
    return trained(net), torch.randn(2, 3, 32, 32)


def resnet50():
    net = torchvision.models.ResNet(
        torchvision.models.resnet.Bottleneck, [3, 4, 6, 3], num_classes=10
    )
    return trained(net), torch.randn(2, 3, 32, 32)


def mobilenet():
    net = torchvision.models.mobilenet_v2(num_classes=10, width_mult=0.5)
    return trained(net), torch.randn(2, 3, 32, 32)


def vit():
    net = torchvision.models.VisionTransformer(
        image_size=16, patch_size=4, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32
    )
    nn.init.normal_(net.heads.head.weight, std=0.1)
    return net.eval(), torch.randn(2, 3, 16, 16)


def timm_vit():
    import timm

    net = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, patch_size=8, depth=2, num_classes=10
    )
    return net.eval(), torch.randn(2, 3, 32, 32)


def hrnet():
    from mmpose.registry import MODELS

    import tasks.pose.register_all  # noqa: F401

    def stage(branches):
        return dict(
            num_modules=1,
            num_branches=branches,
            block="BASIC",
            num_blocks=(1,) * branches,
            num_channels=tuple(8 * 2**i for i in range(branches)),
        )

    first = dict(
        num_modules=1, num_branches=1, block="BOTTLENECK", num_blocks=(1,), num_channels=(16,)
    )
    extra = dict(stage1=first, stage2=stage(2), stage3=stage(3), stage4=stage(4))
    net = MODELS.build(dict(type="mmpose.HRNet", in_channels=3, extra=extra))
    return trained(net), torch.randn(2, 3, 64, 64)


#: Layers, first, last, and how many batch norms are folded.
MODELS = {
    resnet18: (21, "conv1", "fc", 20),
    resnet50: (54, "conv1", "fc", 53),
    mobilenet: (53, "features.0.0", "classifier.1", 52),
    vit: (1 + 2 * 4 + 1, "conv_proj", "heads.head", 0),
    timm_vit: (1 + 2 * 4 + 1, "patch_embed.proj", "head", 0),
    hrnet: (None, "conv1", None, None),
}


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_models_convert_unedited(build):
    model, x = build()
    count, first, last, norms = MODELS[build]
    quantized = quantize(model, PRECISE, FINE)
    found = bits(quantized)
    floats = {n for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    floats |= {n for n, m in model.named_modules() if isinstance(m, nn.MultiheadAttention)}
    assert set(found) == floats and set(found.values()) == {(8, 8)}
    assert count is None or len(found) == count
    assert list(found)[0] == first and (last is None or list(found)[-1] == last)
    calibrate(quantized, [x])
    with torch.no_grad():
        quantized.eval()
        close(quantized(x), model(x), 0.1)

    with torch.no_grad():
        folded = quantize(model.double(), PRECISE, FINE, fold_batch_norm=True)
        left = [m for m in folded.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        assert not left
        if norms is not None:
            assert str(folded).count("FoldedBatchNorm") == norms
        for module in folded.modules():
            if isinstance(module, QuantizedLayer):
                module.weight_quantizer = module.input_quantizer = nn.Identity()
        close(folded(x.double()), model(x.double()), 1e-10)
    model.float()

    low = quantize(model, LSQ4, LSQ4)
    assert sorted(set(bits(low).values())) == [(4, 4), (8, 8)]
    calibrate(low, [x])
    low.train()
    sum(o.square().mean() for o in outputs(low(x))).backward()
    without = [name for name, p in low.named_parameters() if p.grad is None]
    assert not without


def outputs(result):
    return result if isinstance(result, (tuple, list)) else [result]


def close(got, want, tolerance):
    for one, other in zip(outputs(got), outputs(want)):
        error = (one - other).norm() / other.norm()
        assert error < tolerance, error.item()


def refuses(message, model=None, weight=LSQ4, activation=LSQ4, **kwargs):
    with pytest.raises(InputError, match=re.escape(message)):
        quantize(model or small(), weight, activation, **kwargs)


def test_unusable_values():
    refuses("weight: bit_width=9 in LSQ for weights: give 1 to 8", weight=dict(LSQ4, bit_width=9))
    refuses(
        "activation: bit_width=1 in LSQ for activations: give 2", activation=dict(LSQ4, bit_width=1)
    )
    refuses("weight: PACT is made for activations", weight=dict(type="PACT", bit_width=4))
    refuses(
        "weight: type='LSQQ' is no quantizer: give one of ['DoReFaW",
        weight=dict(LSQ4, type="LSQQ"),
    )
    refuses("weight={'bit_width': 4}: give a dict", weight=dict(bit_width=4))
    misspelt = dict(type="EMAFakeQuantizer", bit_width=4, rate=1)
    message = "activation: EMAFakeQuantizer cannot be built: .* unexpected keyword argument 'rate'"
    with pytest.raises(InputError, match=message):
        quantize(small(), LSQ4, misspelt)
    refuses("weight: per_channel='yes'", weight=dict(LSQ4, per_channel="yes"))
    refuses("weight: leave channels out", weight=dict(LSQ4, channels=4))
    refuses("first_last_bit_width=12: weight: bit_width=12", first_last_bit_width=12)
    refuses(
        "skip: pattern 'classifier' matches no layer; a layer is called, e.g.,", skip=["classifier"]
    )
    refuses("skip='7': give a list of patterns", skip="7")
    refuses("Sequential has no layer left to quantize", skip=["*"])
    refuses(
        "fold_batch_norm=True with DoReFaWeight",
        weight=dict(type="DoReFaWeight", bit_width=4),
        fold_batch_norm=True,
    )
    refuses("Sequential is quantized already", model=quantize(small(), LSQ4, LSQ4))


class OwnConv(nn.Conv2d):
    def forward(self, x):
        return super().forward(2 * x)


@pytest.mark.parametrize(
    "layer, reason",
    [
        (nn.Conv1d(3, 4, 3), "(Conv1d) cannot be quantized: this kind of layer has no quantized"),
        (nn.LSTM(3, 4), "(LSTM) cannot be quantized: recurrent layers"),
        (OwnConv(3, 4, 1), "(OwnConv) cannot be quantized: it is a Conv2d of its own kind"),
        (nn.utils.weight_norm(nn.Linear(3, 4)), "(Linear) cannot be quantized: its weight is comp"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)), "it is a Linear of its own kind"),
        (nn.MultiheadAttention(4, 2, kdim=3), "query, key and value differ in width"),
        (nn.MultiheadAttention(4, 2, add_bias_kv=True), "add_bias_kv and add_zero_attn"),
        (nn.TransformerEncoderLayer(4, 2, 4), "in evaluation it hands its weights to one function"),
    ],
    ids=lambda v: "" if isinstance(v, str) else type(v).__name__,
)
@pytest.mark.filterwarnings("ignore")
def test_layers_that_cannot_be_quantized(layer, reason):
    model = nn.ModuleDict(dict(stem=nn.Linear(3, 3), odd=layer, head=nn.Linear(3, 3)))
    refuses("odd (", model)
    refuses(reason, model)
    refuses("Leave it float: skip=['odd']", model)
    if "weight_g" in dict(layer.named_parameters()):
        return  # PyTorch cannot copy it
    left = quantize(model, LSQ4, LSQ4, skip=["odd"])
    assert bits(left)["odd"] == (32, 32) and bits(left)["head"] == (8, 8)
    assert not any(isinstance(m, QuantizedLayer) for m in left["odd"].modules())


def test_mmcvs_own_classes_count_as_torchs():
    from mmcv.cnn.bricks import wrappers

    layer = wrappers.ConvTranspose2d(3, 4, 2, stride=2)
    quantized = quantize(nn.Sequential(layer, wrappers.Conv2d(4, 4, 1)), FINE, FINE)
    x = torch.randn(1, 3, 4, 4)
    calibrate(quantized, [x])
    assert isinstance(quantized[0], QuantizedLayer) and quantized(x).shape == (1, 4, 8, 8)


def test_state_dict_round_trip():
    model, x = small(), torch.randn(4, 3, 8, 8)
    source = quantize(model, LSQ4, LSQ4)
    calibrate(source, [x])
    target = quantize(small(), LSQ4, LSQ4)
    target.load_state_dict(source.state_dict())
    assert torch.equal(source.eval()(x), target.eval()(x))
    other = quantize(small(), dict(LSQ4, bit_width=3), LSQ4)
    message = "3.weight_quantizer has 4 bits in the checkpoint and 3 in the config"
    with pytest.raises(InputError, match=message):
        other.load_state_dict(source.state_dict())


def test_min_max_weights_need_no_calibration():
    quantized = quantize(small(), FINE, None)
    assert isinstance(quantized[3].weight_quantizer, MinMaxFakeQuantizer)
    quantized(torch.randn(2, 3, 8, 8)).sum().backward()
