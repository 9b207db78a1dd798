"""Heads that classify x and y: ONNX Runtime computes what the fake-quant model does."""

import copy

import pytest
import torch
from mmengine.registry import MODELS, DefaultScope
from torch import nn

import tasks.pose.register_all  # noqa: F401
from bsam_suite.compat import import_mmpose
from bsam_suite.onnx.session import Session
from bsam_suite.quantization import calibrate, export_onnx, quantize

SIMCC = dict(type="SimCCLabel", input_size=(24, 32), sigma=3.0, simcc_split_ratio=2.0)
SHARED = dict(
    in_channels=8,
    out_channels=5,
    input_size=(24, 32),
    in_featuremap_size=(6, 8),
    simcc_split_ratio=2.0,
    decoder=SIMCC,
)
HEADS = dict(
    SimCCHead=dict(SHARED, type="SimCCHead", deconv_out_channels=None),
    RTMCCHead=dict(
        SHARED,
        type="RTMCCHead",
        final_layer_kernel_size=3,
        gau_cfg=dict(
            hidden_dims=16,
            s=8,
            expansion_factor=2,
            dropout_rate=0.0,
            drop_path=0.0,
            act_fn="SiLU",
            use_rel_bias=True,
            pos_enc=True,
        ),
    ),
)


class Net(nn.Module):
    """Two convolutions, a rounding between them, and a head."""

    def __init__(self, head):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, 2, 1),
            nn.SiLU(),
        )
        nn.init.normal_(self.stem[1].bias)
        import_mmpose()
        with DefaultScope.overwrite_default_scope("mmpose"):
            self.head = MODELS.build(head)

    def forward(self, x):
        return self.head((self.stem(x),))


@pytest.mark.long
@pytest.mark.parametrize("name", HEADS)
def test_outputs(tmp_path, name):
    """Both, as in float64; where a value is next to the middle of a step, but for that step."""
    x = torch.randn(64, 3, 32, 24)
    lsq = dict(type="LSQ", bit_width=4)
    net = quantize(Net(HEADS[name]), dict(lsq, per_channel=True), lsq).eval()
    calibrate(net, [x])
    with torch.no_grad():
        wanted = copy.deepcopy(net).double()(x.double())
    assert [tuple(y.shape) for y in wanted] == [(64, 5, 48), (64, 5, 64)]
    for form in ("exact", "int4", "fast"):
        file = export_onnx(net, x[:8], tmp_path / f"{form}.onnx", form)
        for found, y in zip(Session(file)(x), wanted, strict=True):
            off = (found - y).abs() / y.abs().max()
            assert (found - y).norm() < 0.3 * y.norm(), form
            assert form == "fast" or (off < 1e-5).double().mean() > 0.95, form
