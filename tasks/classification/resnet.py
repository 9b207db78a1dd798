"""ResNet-18 for small images."""

from __future__ import annotations

from mmengine.registry import MODELS
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet


@MODELS.register_module()
class CIFARResNet18(ResNet):
    """torchvision's ResNet-18 with a stem that keeps the resolution of small images.

    The first convolution is 3x3 with stride 1, not 7x7 with stride 2. There is no max pooling.

    K. He et al., "Deep Residual Learning for Image Recognition", arXiv 1512.03385.

    Args:
        num_classes: number of logits.
        width: channels of the first stage (the others have 2, 4 and 8 times as many).
    """

    def __init__(self, num_classes: int, width: int = 64) -> None:
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes)
        self.inplanes = width
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity()
        # torchvision's constructor knows no other width than 64.
        for stage in range(4):
            layer = self._make_layer(BasicBlock, width << stage, 2, stride=1 if stage == 0 else 2)
            setattr(self, f"layer{stage + 1}", layer)
        self.fc = nn.Linear(8 * width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
