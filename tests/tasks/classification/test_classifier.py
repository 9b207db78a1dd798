"""The classifier's losses and predictions, and the start from other weights."""

import numpy as np
import pytest
import torch
import torchvision
from mmengine.registry import MODELS
from torch import nn

from bsam_suite.errors import InputError
from tasks.classification import register_all  # noqa: F401
from tasks.classification.transfer import find_head


@MODELS.register_module()
class OneLayer(nn.Module):
    """Small enough for a formula written out in NumPy."""

    def __init__(self, num_classes):
        super().__init__()
        self.fc = nn.Linear(12, num_classes)

    def forward(self, x):
        return self.fc(x.flatten(1))


def classifier(net=None, classes=4, **arguments):
    net = net or dict(type="OneLayer")
    return MODELS.build(dict(type="ImageClassifier", net=net, num_classes=classes, **arguments))


def test_loss_and_predictions_are_those_of_the_formula():
    torch.manual_seed(0)
    model, x, y = classifier(label_smoothing=0.1), torch.randn(5, 3, 2, 2), torch.arange(5) % 4
    z = model(x).detach().double().numpy()
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    target = 0.9 * np.eye(4)[y] + 0.1 / 4
    assert model(x, y, mode="loss")["loss_ce"].item() == pytest.approx(
        -(target * log_p).sum(1).mean(), rel=1e-5
    )
    predictions = model(x, y, mode="predict")
    np.testing.assert_allclose([p["scores"].tolist() for p in predictions], np.exp(log_p), 1e-5)
    assert [p["label"] for p in predictions] == y.tolist()
    with pytest.raises(InputError, match="label_smoothing=1.5"):
        classifier(label_smoothing=1.5)


def test_compiled_gives_the_same_and_keeps_the_names():
    torch.manual_seed(0)
    eager = classifier(dict(type="CIFARResNet18", width=8))
    compiled = classifier(dict(type="CIFARResNet18", width=8), compile=dict(backend="eager"))
    compiled.load_state_dict(eager.state_dict())
    x, y = torch.randn(6, 3, 8, 8), torch.arange(6) % 4
    for model in (eager, compiled):
        model(x, y, mode="loss")["loss_ce"].backward()
    assert compiled.net._compiled_call_impl is not None and eager.net._compiled_call_impl is None
    for p, q in zip(eager.parameters(), compiled.parameters()):
        torch.testing.assert_close(p.grad, q.grad, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("source", ["ours", "several processes", "torchvision", "safetensors"])
def test_transfer_takes_all_but_the_head(source, tmp_path):
    torch.manual_seed(1)
    other = torchvision.models.resnet18(num_classes=4)
    for module in other.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_()
    weights, file = other.state_dict(), str(tmp_path / "weights.pth")
    if source == "ours":
        torch.save(dict(meta={}, state_dict={f"net.{k}": v for k, v in weights.items()}), file)
    elif source == "several processes":
        torch.save({f"module.{k}": v for k, v in weights.items()}, file)
    elif source == "torchvision":  # whose older files hold no counters
        torch.save({k: v for k, v in weights.items() if "num_batches" not in k}, file)
    else:
        import safetensors.torch as safetensors

        file = str(tmp_path / "weights.safetensors")
        safetensors.save_file(weights, file)
    net = dict(type="TorchvisionModel", name="resnet18")
    torch.manual_seed(2)
    model = classifier(net, classes=4, transfer_from=file)  # as many classes, but other ones
    head = model.net.fc.weight.clone()
    model.init_weights()
    assert torch.equal(model.net.fc.weight, head)
    for name, value in model.net.state_dict().items():
        if not name.startswith("fc.") and "num_batches" not in name:
            assert torch.equal(value, weights[name]), name


@pytest.mark.parametrize(
    "name, head",
    [
        ("vgg11", "classifier.6."),
        ("vit_b_16", "heads.head."),
        ("densenet121", "classifier."),
        ("squeezenet1_0", "classifier.1."),
    ],
)
def test_the_head_is_found_in_other_families(name, head):
    with torch.device("meta"):
        net = torchvision.models.get_model(name, num_classes=6)
    assert find_head(net, 6) == head
    with pytest.raises(InputError, match="no layer with num_classes=7"):
        find_head(net, 7)


def test_the_head_is_the_last_of_several_layers_of_its_width():
    with torch.device("meta"):
        assert find_head(torchvision.models.resnet18(num_classes=64), 64) == "fc."


def test_weights_that_do_not_fit_are_named(tmp_path):
    file = str(tmp_path / "weights.pth")
    torch.save(torchvision.models.resnet18().state_dict(), file)
    fitting = classifier(dict(type="CIFARResNet18"), transfer_from=file)
    with pytest.raises(InputError, match=r"conv1.weight is \(64, 3, 7, 7\).*model.net"):
        fitting.init_weights()
    deeper = classifier(dict(type="TorchvisionModel", name="resnet34"), transfer_from=file)
    with pytest.raises(InputError, match=r"layer1.2.conv1.weight is missing.*more"):
        deeper.init_weights()
    with pytest.raises(InputError, match="nowhere.pth does not exist"):
        classifier(transfer_from="nowhere.pth").init_weights()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(b"\x20\0\0\0\0\0\0\0{}")
    with pytest.raises(InputError, match="cut.safetensors is .*safetensors file"):
        classifier(transfer_from=str(cut)).init_weights()
    torch.save(dict(epoch=3), file)
    with pytest.raises(InputError, match="no state dict"):
        fitting.init_weights()


def test_without_classes():
    with pytest.raises(InputError, match="data_root=DIR"):
        MODELS.build(dict(type="ImageClassifier", net=dict(type="SmallCNN"), num_classes=None))
