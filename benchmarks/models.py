"""The models and losses for timing steps."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torchvision
from mmengine.hub import get_config
from torch import Tensor, nn
from torchvision.models import VisionTransformer

from bsam_suite.compat import import_mmpose

IMAGE = {
    "resnet18": (32, 32),
    "resnet50": (224, 224),
    "vit_s": (224, 224),
    "hrnet_w32": (256, 192),
    "tiny": (16, 16),
}
"""Height and width of the input in pixels."""
COCO = "mmpose::body_2d_keypoint/topdown_heatmap/coco"
HRNET_W32 = f"{COCO}/td-hm_hrnet-w32_8xb64-210e_coco-256x192.py"


def build(name: str, batch: int, device: str) -> tuple[nn.Module, Callable[[], Tensor]]:
    """A model and a function that computes its loss on a batch of random images."""
    torch.manual_seed(0)
    model = _model(name).to(device)
    images = torch.randn(batch, 3, *IMAGE[name], device=device)
    if name == "hrnet_w32":
        heatmaps = torch.rand(batch, 17, IMAGE[name][0] // 4, IMAGE[name][1] // 4, device=device)
        return model, lambda: nn.functional.mse_loss(model(images), heatmaps)
    labels = torch.randint(1000, (batch,), device=device)
    return model, lambda: nn.functional.cross_entropy(model(images), labels)


def _model(name: str) -> nn.Module:
    if name == "tiny":
        return nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(1568, 1000)
        )
    if name == "vit_s":
        return VisionTransformer(224, 16, 12, 6, 384, 1536)
    if name == "hrnet_w32":
        import_mmpose()
        from mmpose.models import HRNet

        extra = get_config(HRNET_W32).model.backbone.extra
        return nn.Sequential(HRNet(extra), _First(), nn.Conv2d(32, 17, 1))
    return getattr(torchvision.models, name)()


class _First(nn.Module):
    def forward(self, branches: tuple[Tensor, ...]) -> Tensor:
        return branches[0]
