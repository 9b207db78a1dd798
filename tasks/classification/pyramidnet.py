"""PyramidNet."""

from __future__ import annotations

from mmengine.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from bsam_suite.errors import InputError


@MODELS.register_module()
class PyramidNet(nn.Module):
    """Additive PyramidNet of basic blocks: each block is a little wider than the one before.

    D. Han, J. Kim, J. Kim, "Deep Pyramidal Residual Networks", arXiv 1610.02915.

    Args:
        num_classes: number of logits.
        depth: number of layers, 6 n + 2.
        alpha: total number of channels that the blocks add to the first 16.

    Raises:
        InputError: the depth is not 6 n + 2.
    """

    def __init__(self, num_classes: int, depth: int = 110, alpha: float = 270) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise InputError(f"depth={depth} of PyramidNet: give 6 n + 2, such as 20 or 110")
        a_stage = (depth - 2) // 6
        widths = [int(16 + alpha * k / (3 * a_stage)) for k in range(3 * a_stage + 1)]
        self.conv = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(
            *(
                _Block(widths[k], widths[k + 1], stride=2 if k in (a_stage, 2 * a_stage) else 1)
                for k in range(3 * a_stage)
            )
        )
        self.bn2 = nn.BatchNorm2d(widths[-1])
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[-1], num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(N, num_classes) logits of (N, 3, H, W) images."""
        x = self.bn2(self.blocks(self.bn1(self.conv(x)))).relu()
        return self.fc(self.pool(x).flatten(1))


class _Block(nn.Module):
    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.more, self.stride = out - channels, stride
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        residual = self.bn3(self.conv2(self.bn2(self.conv1(self.bn1(x))).relu()))
        # The shortcut has no weights: it is pooled, and channels of zeros are added.
        shortcut = F.avg_pool2d(x, 2, ceil_mode=True) if self.stride == 2 else x
        return residual + F.pad(shortcut, (0, 0, 0, 0, 0, self.more))
