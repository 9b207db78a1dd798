"""mmcv's ops by torchvision, against values by hand; the others are refused by name."""

import importlib
import math
import sys

import pytest
import torch
from mmengine.config import ConfigDict
from torch import nn

from bsam_suite.compat.mmcv_ops import CompiledOps, check_ops
from bsam_suite.compat.placeholders import mmcv_ext
from bsam_suite.errors import InputError


@pytest.fixture(scope="module")
def ops():
    with mmcv_ext():
        found = importlib.import_module("mmcv.ops")
    if not isinstance(sys.modules["mmcv.ops.nms"].ext_module, CompiledOps):
        pytest.skip("mmcv has its ops")
    return found


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_nms(ops, dtype):
    # IoU of the first two: 80 / 120 = 2/3, with widths one larger 99 / 143 = 0.692
    boxes = torch.tensor([[0, 0, 10, 10], [0, 2, 10, 12], [20, 0, 30, 10]], dtype=dtype)
    scores = torch.tensor([0.5, 0.75, 0.25], dtype=dtype)
    dets, kept = ops.nms(boxes, scores, 0.66)
    assert kept.tolist() == [1, 2]
    assert dets.tolist() == [[0, 2, 10, 12, 0.75], [20, 0, 30, 10, 0.25]]
    assert ops.nms(boxes, scores, 0.68)[1].tolist() == [1, 0, 2]
    assert ops.nms(boxes, scores, 0.68, offset=1)[1].tolist() == [1, 2]
    assert ops.nms(boxes, scores, 0.70, offset=1)[1].tolist() == [1, 0, 2]
    classes = torch.tensor([0, 1, 0])
    _, kept = ops.batched_nms(boxes, scores, classes, dict(type="nms", iou_threshold=0.1))
    assert kept.tolist() == [1, 0, 2]  # those of other classes are no rivals


@pytest.mark.parametrize("dtype, error", [(torch.float64, 1e-12), (torch.bfloat16, 0.02)])
def test_roi_align_on_a_plane(ops, dtype, error):
    """Bilinear interpolation is exact on a plane: the mean of a bin is the value at its middle."""
    y, x = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    features = (3 + x + 2 * y)[None, None].to(dtype).requires_grad_()
    rois = torch.tensor([[0, 2.0, 4.0, 10.0, 12.0]], dtype=dtype)  # in images twice as large
    pooled = ops.RoIAlign(output_size=2, spatial_scale=0.5, sampling_ratio=2)(features, rois)
    # bins of the box from (1, 2) to (5, 6), whose pixels' centres are at + 1/2
    middle_x, middle_y = torch.tensor([2.0, 4.0]) - 0.5, torch.tensor([3.0, 5.0]) - 0.5
    wanted = 3 + middle_x[None] + 2 * middle_y[:, None]
    assert pooled.dtype == dtype
    assert (pooled[0, 0] - wanted).abs().max() <= error * wanted.max()
    pooled.sum().backward()
    assert abs(features.grad.sum() - 4) < 4 * error  # the weights of each mean add up to 1
    assert (features.grad >= 0).all() and not features.grad[..., 6:].any()


def test_the_gradient_of_roi_align_is_that_of_its_values(ops):
    torch.manual_seed(0)
    features = torch.randn(2, 3, 6, 6, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor([[1, 0.3, 0.2, 4.6, 5.1], [0, 1.0, 1.5, 3.0, 4.0]], dtype=torch.float64)
    for layer in (ops.RoIAlign((2, 3)), ops.RoIAlign(2, 0.5, aligned=False)):
        assert torch.autograd.gradcheck(lambda f, layer=layer: layer(f, rois), features)
    with pytest.raises(InputError, match="pool_mode='max'.*roi_align_forward"):
        ops.RoIAlign(2, pool_mode="max")(features, rois)


def test_focal_loss_by_hand(ops):
    scores = torch.tensor([[0.0, math.log(3)], [math.log(3), 0.0]], dtype=torch.float64)
    classes = torch.tensor([0, 2])
    # probabilities 1/2 and 3/4; the first sample is of class 0, the second is background
    wanted = torch.tensor(
        [
            [0.25 * 0.5**2 * math.log(2), 0.75 * 0.75**2 * math.log(4)],
            [0.75 * 0.75**2 * math.log(4), 0.75 * 0.5**2 * math.log(2)],
        ],
        dtype=torch.float64,
    )
    loss = ops.sigmoid_focal_loss
    assert (loss(scores, classes, 2.0, 0.25, None, "none") - wanted).abs().max() < 1e-12
    assert abs(loss(scores, classes, 2.0, 0.25, None, "mean") - wanted.sum() / 2) < 1e-12
    weight = torch.tensor([5.0, 1.0], dtype=torch.float64)  # of the classes
    weighted = loss(scores[:1], classes[:1], 2.0, 0.25, weight, "none")
    assert (weighted - 5 * wanted[:1]).abs().max() < 1e-12
    scores.requires_grad_()
    for extra in ((None, "sum"), (None, "mean")):
        assert torch.autograd.gradcheck(lambda s, e=extra: loss(s, classes, 2.0, 0.25, *e), scores)
    assert loss(scores.bfloat16(), classes, 2.0, 0.25, None, "none").dtype == torch.bfloat16


class Detector(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.neck = nn.Sequential(nn.Conv2d(2, 2, 1), layer)


def test_layers_that_need_an_op_are_refused_by_name(ops):
    check_ops(Detector(ops.RoIAlign(2)))
    with pytest.raises(InputError, match=r"Detector: neck\.1 is mmcv's DeformConv2dP.*deform_"):
        check_ops(Detector(ops.DeformConv2dPack(2, 2, 3)))

    class Own(ops.CARAFEPack):
        pass

    with pytest.raises(InputError, match=r"neck\.1 is mmcv's Own, which needs .*carafe_forward"):
        check_ops(Detector(Own(2, 2)))


def test_attention_has_a_way_of_its_own_on_the_cpu(ops, monkeypatch):
    model = Detector(ops.MultiScaleDeformableAttention(8, 2))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    check_ops(model)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(InputError, match="ms_deform_attn_forward"):
        check_ops(model)


def test_nms_of_a_config_is_refused_before_it_is_called(ops):
    config = ConfigDict(test_cfg=dict(rcnn=[dict(nms=dict(type="nms", iou_threshold=0.5))]))
    check_ops(Detector(nn.ReLU()), config)
    config.test_cfg.rcnn[0].nms.type = "soft_nms"
    with pytest.raises(InputError, match="Detector: type='soft_nms' in model needs .*softnms"):
        check_ops(Detector(nn.ReLU()), config)
    with pytest.raises(InputError, match="the model needs mmcv's compiled softnms"):
        ops.soft_nms(torch.rand(2, 4), torch.rand(2))
