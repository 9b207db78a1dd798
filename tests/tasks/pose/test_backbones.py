"""The small HRNet: what it must have in common with MMPose's, and what differs."""

import copy
from pathlib import Path

import torch

import tasks.pose.register_all  # noqa: F401
from bsam_suite.engine.config import load_config

CONFIGS = Path(__file__).parents[3] / "configs/pose"


def build():
    """The small HRNet of the config in float64, and MMPose's with the same widths."""
    from mmpose.models.backbones import HRNet

    from tasks.pose.backbones import SmallHRNet

    cfg = load_config(str(CONFIGS / "hrnet-tiny_bsam_people-128x96.py"))
    arguments = {k: v for k, v in cfg.model.backbone.items() if k not in ("type", "init_cfg")}
    small = SmallHRNet(**arguments).double()
    small.eval()
    return small, HRNet(**arguments)


def test_only_the_stem_is_thinner():
    small, wide = build()
    sizes = {name: p.shape for name, p in small.named_parameters()}
    expected = {name: p.shape for name, p in wide.named_parameters()}
    stem = ("conv1", "bn1", "conv2", "bn2", "layer1")
    differing = {name for name in sizes if sizes[name] != expected.get(name)}
    assert differing and all(name.startswith(stem) for name in differing)
    # 3 -> 32 -> 32 instead of 3 -> 64 -> 64, then 32 channels without a change of width.
    assert sum(p.numel() for p in small.conv1.parameters()) == 3 * 32 * 9
    assert sum(p.numel() for p in small.conv2.parameters()) == 32 * 32 * 9
    assert sizes["layer1.0.conv1.weight"] == (32, 32, 3, 3) and small.layer1[0].downsample is None
    assert small(torch.zeros(1, 3, 128, 96).double())[0].shape == (1, 16, 32, 24)


def test_channels_last_changes_rounding_only():
    small, _ = build()
    image = torch.randn(2, 3, 128, 96, generator=torch.Generator().manual_seed(1)).double()
    assert small.conv2.weight.is_contiguous(memory_format=torch.channels_last)
    contiguous = copy.deepcopy(small).to(memory_format=torch.contiguous_format)
    assert not contiguous.conv2.weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(small(image), contiguous(image), rtol=1e-9, atol=1e-9)
