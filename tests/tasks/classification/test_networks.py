"""The networks against published sizes and costs, and models of the libraries by name."""

import sys

import pytest
import torch
import torchvision
from mmengine.registry import MODELS
from torch.utils.flop_counter import FlopCounterMode

from bsam_suite.errors import InputError
from tasks.classification import register_all  # noqa: F401


def build(**net):
    with torch.device("meta"):
        return MODELS.build({"num_classes": 10, **net})


def parameters(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(
    "net, millions, macs",
    [
        # arXiv 1605.07146 gives 36.5M, public tables of implementations 36.48M and 5,247M.
        (dict(type="WideResNet", depth=28, width=10), 36.48, 5247),
        # Public tables of implementations (osmr/imgclsmob): 28,485,477 and 4,730.60M.
        (dict(type="PyramidNet", depth=110, alpha=270), 28.49, 4731),
        # Public tables of the CIFAR variant (kuangliu/pytorch-cifar): 11.17M and 0.56G.
        (dict(type="CIFARResNet18"), 11.17, 556),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_published_sizes_and_costs(net, millions, macs):
    net = build(**net)
    assert round(parameters(net) / 1e6, 2) == millions
    with FlopCounterMode(display=False) as counter:
        assert net(torch.zeros(1, 3, 32, 32, device="meta")).shape == (1, 10)
    assert counter.get_total_flops() / 2e6 == pytest.approx(macs, rel=0.005)


def test_the_exact_published_pyramidnet():
    assert parameters(build(type="PyramidNet", depth=110, alpha=270)) == 28_485_477
    # Where alpha does not divide evenly, widths are rounded down; arXiv 1610.02915: 1.7M and 3.8M.
    for alpha, millions in ((48, 1.74), (84, 3.86)):
        net = build(type="PyramidNet", depth=110, alpha=alpha)
        assert round(parameters(net) / 1e6, 2) == millions
        assert net.fc.in_features == 16 + alpha


def test_only_the_stem_of_torchvisions_resnet_changes():
    ours, theirs = build(type="CIFARResNet18").state_dict(), torchvision.models.resnet18()
    theirs.fc = torch.nn.Linear(512, 10)
    theirs = theirs.state_dict()
    assert list(ours) == list(theirs)
    differ = [name for name in ours if ours[name].shape != theirs[name].shape]
    assert differ == ["conv1.weight"] and ours["conv1.weight"].shape == (64, 3, 3, 3)
    narrow = build(type="CIFARResNet18", width=16).state_dict()
    for name, value in narrow.items():
        assert all(4 * n in (m, 4 * m) for n, m in zip(value.shape, ours[name].shape)), name


def test_only_two_strides_of_torchvisions_mobilenet_change():
    theirs = build(type="TorchvisionModel", name="mobilenet_v2", num_classes=1000)
    assert parameters(theirs) == 3_504_872  # as torchvision publishes
    ours = build(type="CIFARMobileNetV2", num_classes=1000)
    shapes = [{n: v.shape for n, v in net.state_dict().items()} for net in (ours, theirs)]
    assert shapes[0] == shapes[1]
    layers = dict(ours.named_modules())
    strides = {
        name: (layer.stride, layers[name].stride)
        for name, layer in theirs.named_modules()
        if isinstance(layer, torch.nn.Conv2d) and layer.stride != layers[name].stride
    }
    half_to_whole = ((2, 2), (1, 1))
    assert strides == {"features.0.0": half_to_whole, "features.2.conv.1.0": half_to_whole}
    narrow = build(type="CIFARMobileNetV2", width=16)
    expected = torchvision.models.mobilenet_v2(width_mult=0.5, num_classes=10)
    assert parameters(narrow) == parameters(expected)


@pytest.mark.parametrize(
    "net", [dict(type="WideResNet", depth=10, width=1), dict(type="PyramidNet", depth=8, alpha=9)]
)
def test_all_weights_of_small_ones_have_a_gradient(net):
    net = MODELS.build({**net, "num_classes": 3})
    net(torch.randn(4, 3, 8, 8)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.parameters())


def test_a_small_cnn_by_hand():
    # Convolutions 3 -> 16 -> 32 -> 32 with biases, then 2 x 2 x 32 = 128 -> 64 -> 10.
    expected = (27 * 16 + 16) + (144 * 32 + 32) + (288 * 32 + 32) + (128 * 64 + 64) + 650
    assert parameters(build(type="SmallCNN")) == expected
    # Batch normalization has a scale and a shift for each channel, and biases go.
    assert parameters(build(type="SmallCNN", batch_norm=True)) == expected + 16 + 32 + 32
    net = MODELS.build(dict(type="SmallCNN", num_classes=3, width=4, batch_norm=True, size=9))
    net(torch.randn(4, 3, 9, 9)).square().mean().backward()
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())


def test_models_of_torchvision_by_name():
    # GoogLeNet has auxiliary heads, whose outputs no loss here expects.
    for name, kind in (("mobilenet_v3_small", "MobileNetV3"), ("googlenet", "GoogLeNet")):
        net = build(type="TorchvisionModel", name=name, num_classes=7)
        assert type(net) is getattr(torchvision.models, kind)
        assert net.train()(torch.zeros(2, 3, 64, 64, device="meta")).shape == (2, 7)
    with pytest.raises(InputError, match="'resnet81' of TorchvisionModel.*mean 'resnet18'"):
        build(type="TorchvisionModel", name="resnet81")
    with pytest.raises(InputError, match="widht"):
        build(type="TorchvisionModel", name="resnet18", widht=3)


def test_models_of_timm_by_name():
    import timm

    net = build(type="TimmModel", name="resnet10t", num_classes=7)
    assert parameters(net) == parameters(timm.create_model("resnet10t", num_classes=7))
    with pytest.raises(InputError, match="'resnet10tt' of TimmModel.*mean 'resnet10t'"):
        build(type="TimmModel", name="resnet10tt")


def test_timm_is_asked_for_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"^timm .*install.*\[timm\]"):
        build(type="TimmModel", name="resnet10t")


@pytest.mark.parametrize(
    "net", [dict(type="WideResNet", depth=27), dict(type="PyramidNet", depth=111)]
)
def test_depths_that_do_not_exist(net):
    with pytest.raises(InputError, match=f"depth={net['depth']}"):
        build(**net)


def test_signals_keep_their_size_in_the_small_network_at_the_start():
    """He's initialization (arXiv 1502.01852) keeps the mean square in front of each ReLU."""
    torch.manual_seed(0)
    net = MODELS.build(dict(type="SmallCNN", num_classes=10, width=64, size=16))
    x = torch.randn(32, 3, 16, 16)
    for layer in net:
        x = layer(x)
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear)):
            # Borders see fewer pixels: the first input has mean square 1, the others about 2.
            assert 0.5 < x.square().mean() < 3
