"""A backbone small enough to train on a few CPU cores."""

from __future__ import annotations

import torch
from mmseg.models.backbones import ResNetV1c
from mmseg.registry import MODELS


@MODELS.register_module()
class SmallResNet(ResNetV1c):
    """ResNet with a stem of three convolutions and its weights in channels-last order.

    Convolutions are fastest in channels-last order; results differ by rounding only.

    T. He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks",
    arXiv 1812.01187.

    Args:
        **kwargs: as in MMSegmentation's ``ResNetV1c``.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.to(memory_format=torch.channels_last)
