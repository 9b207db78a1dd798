"""MobileNetV2 for small images."""

from __future__ import annotations

from mmengine.registry import MODELS
from torchvision.models import MobileNetV2


@MODELS.register_module()
class CIFARMobileNetV2(MobileNetV2):
    """torchvision's MobileNetV2 with an output stride of 8 instead of 32.

    The first convolution and the stage of 24 channels have stride 1 instead of 2.

    M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv 1801.04381.

    Args:
        num_classes: number of logits.
        width: channels of the first convolution; the others are in proportion.
        dropout: probability before the last layer.
    """

    def __init__(self, num_classes: int, width: int = 32, dropout: float = 0.2) -> None:
        # Expansion, channels, blocks, stride.
        stages = [
            [1, 16, 1, 1],
            [6, 24, 2, 1],
            [6, 32, 3, 2],
            [6, 64, 4, 2],
            [6, 96, 3, 1],
            [6, 160, 3, 2],
            [6, 320, 1, 1],
        ]
        super().__init__(num_classes, width / 32, stages, dropout=dropout)
        self.features[0][0].stride = (1, 1)
