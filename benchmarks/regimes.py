"""Small networks that have the time to learn their training data by heart.

Where 40% of the labels are wrong, learning them by heart costs accuracy on other images.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

from bsam_suite.engine.registry import build_rule
from bsam_suite.errors import InputError
from bsam_suite.optim import SharpnessOptimizer
from bsam_suite.quantization import calibrate, quantize

BATCH = 64
BASES: dict[str, tuple[type, dict]] = {
    "sgd": (torch.optim.SGD, dict(lr=0.05, momentum=0.9, weight_decay=5e-4)),
    "adamw": (torch.optim.AdamW, dict(lr=1e-3, weight_decay=0.01)),
    "adam": (torch.optim.Adam, dict(lr=0.02, betas=(0.8, 0.999))),  # of configs/pose/hrnet_adam.py
}


class Images(NamedTuple):
    """Images of shape (N, channels, height, width) and labels of shape (N,)."""

    images: Tensor
    labels: Tensor


class Regime(NamedTuple):
    """What is trained on what, and for how long.

    Attributes:
        network: makes the network.
        batches: the batches of an epoch.
        loss: of a network and a batch.
        steps: of an epoch.
        epochs: how many there are.
        accuracy: of a trained network on images that it has not seen.
        warmup: steps in which the learning rate rises.
    """

    network: Callable[[], nn.Module]
    batches: Callable[[], Iterator]
    loss: Callable[[nn.Module, Any], Tensor]
    steps: int
    epochs: int
    accuracy: Callable[[nn.Module], float]
    warmup: int = 0


def regime_of(name: str, wrong: float, data_root: Path | None = None) -> Regime:
    """A regime by its name.

    ``digits``: 1,000 of scikit-learn's digits at 8x8, tested on the other 797, a CNN, 100 epochs of
    batch 64; ``digits_bn``: with batch norm; ``digits_w2a2``: with weights and activations of 2
    bits. ``cifar``: 4,000 images of CIFAR-10 at 16x16, tested on 2,000 others, a small ResNet, 50
    epochs of batch 64. ``people``: the built-in people as in configs/pose/hrnet_adam.py, batch 16.

    Args:
        name: one of these.
        wrong: share of wrong labels, the same ones for all seeds.
        data_root: of ``cifar``, with image files in ``train/CLASS`` and ``test/CLASS``; of each
            class the first 400 and 200 by name are used.

    Raises:
        InputError: there is no CIFAR-10 in ``data_root``.
    """
    if name == "people":
        return _people()
    rng = np.random.RandomState(1234)
    if name == "cifar":
        if data_root is None:
            raise InputError("--regime cifar: give its folder by --data-root")
        images, test = _folder(data_root / "train", 400), _folder(data_root / "test", 200)
        return _classifier(_some_wrong(images, wrong, rng), test, _resnet, 50)
    from sklearn.datasets import load_digits

    grey, labels = load_digits(return_X_y=True)
    order = torch.tensor(rng.permutation(len(labels)))
    pixels = torch.tensor(grey, dtype=torch.float32).view(-1, 1, 8, 8)[order] / 16 - 0.5
    labels = torch.tensor(labels)[order]
    images, test = Images(pixels[:1000], labels[:1000]), Images(pixels[1000:], labels[1000:])
    network = partial(_low_bit_cnn, images) if name == "digits_w2a2" else _cnn
    images = _some_wrong(images, wrong, rng)
    return _classifier(images, test, partial(network, name == "digits_bn"), 100)


NAMES = ("digits", "digits_bn", "digits_w2a2", "cifar", "people")


def train(
    regime: Regime, words: str, seed: int, base=BASES["sgd"], each_step=lambda *_: None
) -> tuple[float, float]:
    """Accuracy on unseen images after the last epoch, and passes made in a step.

    Args:
        regime: what to train.
        words: the rule, such as ``BSAM,rho=0.1,k=5`` (see :func:`optimizer_of`); with ``x3`` behind
            it, for three times the epochs.
        seed: of the initial weights and the order of the images.
        base: class and arguments of the base optimizer.
        each_step: called before each step with the model, the optimizer, the batch and the number
            of the step.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    words, _, times = words.partition(" x")
    regime = regime._replace(epochs=regime.epochs * int(times or 1))
    model = regime.network()
    optimizer = optimizer_of(words, model, *base)
    steps = regime.epochs * regime.steps
    schedule = CosineAnnealingLR(optimizer, steps - regime.warmup)
    if regime.warmup:
        rise = LinearLR(optimizer, 0.01, total_iters=regime.warmup)
        schedule = SequentialLR(optimizer, [rise, schedule], [regime.warmup])
    for epoch in range(regime.epochs):
        for step, batch in enumerate(regime.batches(), epoch * regime.steps):
            each_step(model, optimizer, batch, step)
            optimizer.step(closure_of(regime, model, optimizer, batch))
            schedule.step()
    return regime.accuracy(model), getattr(optimizer, "passes_per_step", 1)


def closure_of(regime: Regime, model: nn.Module, optimizer, batch) -> Callable[[], Tensor]:
    """The closure of a step: the loss of the batch and its gradient."""

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = regime.loss(model, batch)
        loss.backward()
        return loss

    return closure


def optimizer_of(words: str, model: nn.Module, kind: type, kwargs: dict) -> torch.optim.Optimizer:
    """The optimizer of ``none`` or of a rule such as ``BSAM,rho=0.1,k=5,rho_warmup=150``.

    A ``rho`` of BSAM without ``rho_min`` is that of both.
    """
    name, *settings = words.split(",")
    if name == "none":
        return kind(model.parameters(), **kwargs)
    options = {key: ast.literal_eval(v) for key, v in (s.split("=") for s in settings)}
    if "BSAM" in name and "rho" in options:
        options.setdefault("rho_min", options["rho"])
    warmup = options.pop("rho_warmup", 0)
    rule = build_rule(dict(type=name, **options))
    return SharpnessOptimizer(
        model.parameters(), kind, rule, model=model, rho_warmup=warmup, **kwargs
    )


def _classifier(
    images: Images, test: Images, network: Callable[[], nn.Module], epochs: int
) -> Regime:
    steps = len(images.labels) // BATCH

    def batches() -> Iterator[Images]:
        for batch in torch.randperm(len(images.labels)).split(BATCH)[:steps]:
            yield Images(images.images[batch], images.labels[batch])

    def accuracy(model: nn.Module) -> float:
        model.eval()
        with torch.no_grad():
            outputs = torch.cat([model(part) for part in test.images.split(500)])
        return (outputs.argmax(1) == test.labels).float().mean().item()

    def loss(model: nn.Module, batch: Images) -> Tensor:
        return F.cross_entropy(model(batch.images), batch.labels)

    return Regime(network, batches, loss, steps, epochs, accuracy)


def _some_wrong(data: Images, share: float, rng: np.random.RandomState) -> Images:
    labels = data.labels.clone()
    wrong = torch.tensor(rng.permutation(len(labels))[: int(share * len(labels))])
    labels[wrong] = (labels[wrong] + torch.tensor(rng.randint(1, 10, len(wrong)))) % 10
    return Images(data.images, labels)


def _people() -> Regime:
    from mmengine.runner import Runner

    from bsam_suite.engine.config import load_config, preflight

    cfg = load_config(str(Path(__file__).parents[1] / "configs/pose/hrnet_adam.py"))
    preflight(cfg)
    loader = Runner.build_dataloader(cfg.train_dataloader, seed=0)

    def network() -> nn.Module:
        model = MODELS.build(cfg.model)
        model.init_weights()
        return model.train()

    def loss(model: nn.Module, batch: dict) -> Tensor:
        losses = model(**model.data_preprocessor(batch, training=True), mode="loss")
        return model.parse_losses(losses)[0]

    epochs, nothing = cfg.train_cfg.max_epochs, lambda _: math.nan
    return Regime(network, lambda: iter(loader), loss, len(loader), epochs, nothing, len(loader))


def _folder(folder: Path, per_class: int) -> Images:
    from PIL import Image

    classes = sorted(path for path in folder.glob("*") if path.is_dir())
    if len(classes) != 10:
        raise InputError(f"{folder}: {len(classes)} folders of classes; give one of CIFAR-10's")
    images, labels = [], []
    for label, of_class in enumerate(classes):
        for path in sorted(of_class.iterdir())[:per_class]:
            images.append(np.asarray(Image.open(path).resize((16, 16), Image.BOX)))
            labels.append(label)
    pixels = torch.tensor(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    pixels = ((pixels - 0.47) / 0.25).contiguous(memory_format=torch.channels_last)
    return Images(pixels, torch.tensor(labels))


def _low_bit_cnn(images: Images, batch_norm: bool) -> nn.Module:
    quantizer = dict(type="LSQ", bit_width=2)
    model = quantize(_cnn(batch_norm), weight=quantizer, activation=quantizer)
    calibrate(model, [images.images[:256]])
    return model.train()


def _cnn(batch_norm: bool) -> nn.Module:
    layers: list[nn.Module] = []
    for inputs, outputs, stride in ((1, 16, 1), (16, 32, 2), (32, 32, 2)):
        layers.append(nn.Conv2d(inputs, outputs, 3, stride, 1))
        layers += [nn.BatchNorm2d(outputs)] * batch_norm + [nn.ReLU()]
    head = [nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)]
    return nn.Sequential(*layers, *head).to(memory_format=torch.channels_last)


def _resnet() -> nn.Module:
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    blocks = [_Block(16, 16, 1), _Block(16, 32, 2), _Block(32, 64, 2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)]
    return nn.Sequential(*stem, *blocks, *head).to(memory_format=torch.channels_last)


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.skip = nn.Sequential()
        if stride > 1:
            self.skip = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.main(x) + self.skip(x))
