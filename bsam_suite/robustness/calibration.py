"""How far the probabilities of a classifier can be trusted."""

from __future__ import annotations

import torch
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS
from torch import Tensor


@torch.no_grad()
def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = 15) -> float:
    """Mean distance between how sure a classifier is and how often it is right.

    Images are sorted into ``bins`` of equal width by the largest probability. Of each bin the
    distance of mean probability and accuracy counts as much as it has images: C. Guo et al., "On
    Calibration of Modern Neural Networks", arXiv 1706.04599.

    Args:
        probabilities: (N, num_classes).
        labels: (N,) indices of classes.
        bins: a bin holds its upper end, not its lower one.

    Returns:
        From 0 to 1.
    """
    confidence, predicted = probabilities.double().max(1)
    place = (confidence * bins).ceil().long().clamp(1, bins) - 1
    right = (predicted == labels).double()
    surplus = confidence.new_zeros(bins).index_add_(0, place, right - confidence)
    return float(surplus.abs().sum() / len(labels))


@torch.no_grad()
def negative_log_likelihood(probabilities: Tensor, labels: Tensor) -> float:
    """Mean of ``-log p`` of the right class, in nats.

    Args:
        probabilities: (N, num_classes); one that has been rounded to 0 counts as the smallest
            normal number of its type, 87.3 nats in float32.
        labels: (N,) indices of classes.
    """
    right = probabilities.gather(1, labels[:, None])
    return float(-right.clamp_min(torch.finfo(right.dtype).tiny).double().log().mean())


@METRICS.register_module()
class Calibration(BaseMetric):
    """``ece`` with 15 bins, and ``nll`` in nats, of a classifier."""

    names = ("ece", "nll")

    def process(self, data_batch, data_samples) -> None:
        """Add ``scores`` (num_classes,), which are probabilities, and ``label`` of each image."""
        self.results += [(sample["scores"], sample["label"]) for sample in data_samples]

    def compute_metrics(self, results: list) -> dict[str, float]:
        probabilities = torch.stack([scores for scores, _ in results])
        labels = torch.tensor([label for _, label in results], device=probabilities.device)
        return dict(
            ece=expected_calibration_error(probabilities, labels),
            nll=negative_log_likelihood(probabilities, labels),
        )
