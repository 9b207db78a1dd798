"""Classification accuracy."""

from __future__ import annotations

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS


@METRICS.register_module()
class TopAccuracy(BaseMetric):
    """``accuracy`` and, with more than five classes, ``accuracy_top5``: fractions, 0 to 1."""

    names = ("accuracy", "accuracy_top5")

    def process(self, data_batch, data_samples) -> None:
        """Add ``scores`` (num_classes,) and ``label`` of each image."""
        for sample in data_samples:
            scores, label = sample["scores"], sample["label"]
            correct = dict(accuracy=int(scores.argmax()) == label)
            if len(scores) > 5:
                correct["accuracy_top5"] = label in scores.topk(5).indices.tolist()
            self.results.append(correct)

    def compute_metrics(self, results: list) -> dict[str, float]:
        return {name: float(np.mean([correct[name] for correct in results])) for name in results[0]}
