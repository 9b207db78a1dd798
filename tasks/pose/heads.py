"""A heatmap head that learns quickly from scratch."""

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
    """Heatmaps as distributions over the image, trained by cross entropy.

    The mean squared error of a heatmap is nearly minimal for an empty one, and a network from
    random weights stays long with that. Here each keypoint's heatmap goes through a softmax over
    all its cells, and the loss is the cross entropy to the encoder's Gaussian, normalized to sum 1.
    Heatmaps come out as the probability relative to the peak of that Gaussian, so that a sure
    keypoint scores about 1.

    Args: as MMPose's ``HeatmapHead``; ``loss`` is not used.
    """

    def forward(self, feats: tuple[Tensor]) -> Tensor:
        """(N, K, H, W) heatmaps, at most about 1, from the backbone's features."""
        logits = super().forward(feats).float()
        peak = 1 / (2 * math.pi * float(self.decoder.sigma) ** 2)
        return logits.flatten(2).softmax(2).view_as(logits) / peak

    def loss(self, feats: tuple[Tensor], batch_data_samples: list, train_cfg=None) -> dict:
        """Cross entropy in nats, averaged over labelled keypoints, and the PCK at 0.05."""
        log_p = super().forward(feats).float().flatten(2).log_softmax(2)
        target = torch.stack([s.gt_fields.heatmaps for s in batch_data_samples])
        weights = torch.cat([s.gt_instance_labels.keypoint_weights for s in batch_data_samples])
        mass = target.flatten(2).sum(2)
        weights = weights * (mass > 0)
        entropy = -(target.flatten(2) * log_p).sum(2) / mass.clamp(min=1e-6)
        loss = (entropy * weights).sum() / weights.sum().clamp(min=1)
        _, accuracy, _ = pose_pck_accuracy(
            output=to_numpy(log_p.detach().exp().view_as(target)),
            target=to_numpy(target),
            mask=to_numpy(weights) > 0,
        )
        return dict(loss_kpt=loss, acc_pose=torch.tensor(accuracy, device=loss.device))
