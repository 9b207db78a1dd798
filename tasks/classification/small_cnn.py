"""A few convolutions, for images of a few pixels."""

from __future__ import annotations

from mmengine.registry import MODELS
from torch import nn


@MODELS.register_module()
class SmallCNN(nn.Sequential):
    """Three 3x3 convolutions, the last two of stride 2, and two linear layers.

    Small enough for many runs, large enough to learn a few thousand images by heart.

    Args:
        num_classes: number of logits.
        width: channels of the first convolution; the others have twice as many.
        batch_norm: whether each convolution is followed by batch normalization.
        size: side of the images in pixels.
    """

    def __init__(
        self, num_classes: int, width: int = 16, batch_norm: bool = False, size: int = 8
    ) -> None:
        layers: list[nn.Module] = []
        channels, side = 3, size
        for outputs, stride in ((width, 1), (2 * width, 2), (2 * width, 2)):
            layers.append(nn.Conv2d(channels, outputs, 3, stride, padding=1, bias=not batch_norm))
            layers += [nn.BatchNorm2d(outputs)] * batch_norm + [nn.ReLU()]
            channels, side = outputs, (side + stride - 1) // stride
        hidden = nn.Linear(channels * side * side, 4 * width)
        super().__init__(
            *layers, nn.Flatten(), hidden, nn.ReLU(), nn.Linear(4 * width, num_classes)
        )
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
