"""WideResNet."""

from __future__ import annotations

from mmengine.registry import MODELS
from torch import Tensor, nn

from bsam_suite.errors import InputError


@MODELS.register_module()
class WideResNet(nn.Module):
    """WRN-depth-width: three stages of pre-activation blocks at 1, 1/2 and 1/4 of the resolution.

    S. Zagoruyko, N. Komodakis, "Wide Residual Networks", arXiv 1605.07146.

    Args:
        num_classes: number of logits.
        depth: number of convolutions on the longest path, 6 n + 4.
        width: factor of the channels 16, 32, 64 of the stages.
        dropout: probability between the two convolutions of a block.

    Raises:
        InputError: the depth is not 6 n + 4.
    """

    def __init__(
        self, num_classes: int, depth: int = 28, width: int = 10, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise InputError(f"depth={depth} of WideResNet: give 6 n + 4, such as 16, 28 or 40")
        channels, blocks = 16, []
        self.conv = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        for stage in range(3):
            for i in range((depth - 4) // 6):
                stride = 2 if stage and i == 0 else 1
                blocks.append(_Block(channels, width * 16 << stage, stride, dropout))
                channels = width * 16 << stage
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(channels)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(N, num_classes) logits of (N, 3, H, W) images."""
        x = self.bn(self.blocks(self.conv(x))).relu()
        return self.fc(self.pool(x).flatten(1))


class _Block(nn.Module):
    def __init__(self, channels: int, out: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.shortcut = None
        if channels != out:
            self.shortcut = nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = self.bn1(x).relu()
        residual = self.conv2(self.dropout(self.bn2(self.conv1(active)).relu()))
        # If the shape changes, the shortcut also starts from the activation.
        return residual + (x if self.shortcut is None else self.shortcut(active))
