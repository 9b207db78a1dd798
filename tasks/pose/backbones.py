"""A backbone small enough to train on a few CPU cores."""

from __future__ import annotations

import torch
from mmpose.models.backbones import HRNet
from mmpose.registry import MODELS
from torch import nn


@MODELS.register_module()
class SmallHRNet(HRNet):
    """HRNet with a narrow stem and its weights in channels-last order.

    HRNet's stem has 64 channels, whatever the width of the rest. In a small network that is half of
    the computation. Convolutions are fastest in channels-last order; results differ by rounding
    only.

    K. Sun et al., "Deep High-Resolution Representation Learning for Human Pose Estimation",
    arXiv 1902.09212.

    Args:
        extra: as in MMPose's ``HRNet``, for basic blocks, batch norm and plain convolutions.
        stem_channels: channels of the stem's two convolutions.
        **kwargs: as in MMPose's ``HRNet``, likewise.
    """

    def __init__(self, extra: dict, stem_channels: int = 32, **kwargs) -> None:
        super().__init__(extra, **kwargs)
        width = stem_channels
        self.conv1 = nn.Conv2d(self.conv1.in_channels, width, 3, stride=2, padding=1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False)
        self.add_module(self.norm1_name, nn.BatchNorm2d(width))
        self.add_module(self.norm2_name, nn.BatchNorm2d(width))
        block = self.blocks_dict[self.stage1_cfg["block"]]
        channels, blocks = self.stage1_cfg["num_channels"][0], self.stage1_cfg["num_blocks"][0]
        self.layer1 = self._make_layer(block, width, channels, blocks)
        self.to(memory_format=torch.channels_last)
