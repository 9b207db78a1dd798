"""A heatmap head that trains quickly from scratch."""

from __future__ import annotations

import math

import torch
from mmpose.evaluation.functional import pose_pck_accuracy
from mmpose.models import HeatmapHead
from mmpose.registry import MODELS
from mmpose.utils.tensor_utils import to_numpy
from torch import Tensor


@MODELS.register_module()
class SoftmaxHeatmapHead(HeatmapHead):
    """Heatmaps as distributions over the image, trained with cross entropy.

    The mean squared error of an empty heatmap is nearly minimal, and a network with random weights
    stays there for long. Here a softmax over all cells is applied to each keypoint's heatmap. The
    loss is the cross entropy to the encoder's Gaussian, normalized to a sum of 1. The output is the
    probability divided by the peak of that Gaussian, so a certain keypoint scores about 1.

    Args: as in MMPose's ``HeatmapHead``; ``loss`` is not used.
    """

    def forward(self, feats: tuple[Tensor]) -> Tensor:
        """(N, K, H, W) heatmaps with values up to about 1, from the backbone's features."""
        logits = _precise(super().forward(feats))
        peak = 1 / (2 * math.pi * float(self.decoder.sigma) ** 2)
        return logits.flatten(2).softmax(2).view_as(logits) / peak

    def loss(self, feats: tuple[Tensor], batch_data_samples: list, train_cfg=None) -> dict:
        """Cross entropy in nats, averaged over labelled keypoints, and the PCK at 0.05."""
        log_p = _precise(super().forward(feats)).flatten(2).log_softmax(2)
        target = torch.stack([s.gt_fields.heatmaps for s in batch_data_samples])
        weights = self._weights(batch_data_samples, target)
        mass = target.flatten(2).sum(2)
        entropy = -(target.flatten(2) * log_p).sum(2) / mass.clamp(min=1e-6)
        loss = (entropy * weights).sum() / weights.sum().clamp(min=1)
        _, accuracy, _ = pose_pck_accuracy(
            output=to_numpy(log_p.detach().exp().view_as(target)),
            target=to_numpy(target),
            mask=to_numpy(weights) > 0,
        )
        return dict(loss_kpt=loss, acc_pose=torch.tensor(accuracy, device=loss.device))

    def loss_terms(self, batch_data_samples: list) -> Tensor:
        """How many labelled keypoints the loss of a batch is the mean of."""
        target = torch.stack([s.gt_fields.heatmaps for s in batch_data_samples])
        return self._weights(batch_data_samples, target).sum()

    def _weights(self, batch_data_samples: list, target: Tensor) -> Tensor:
        """(N, K): that of each keypoint, 0 where its heatmap is empty."""
        weights = torch.cat([s.gt_instance_labels.keypoint_weights for s in batch_data_samples])
        return weights * (target.flatten(2).sum(2) > 0)


def _precise(heatmaps: Tensor) -> Tensor:
    """In single precision, or in double precision where they are."""
    return heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32))
