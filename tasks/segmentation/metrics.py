"""mIoU, the metric that comes first."""

from __future__ import annotations

from mmseg.evaluation import IoUMetric
from mmseg.registry import METRICS


@METRICS.register_module()
class MeanIoU(IoUMetric):
    """MMSegmentation's IoU, with mIoU before the accuracy: tools compare by a metric's first value.

    mIoU is the mean over the classes of intersection over union, in percent, each summed over all
    pixels of all images whose class is known (M. Everingham et al., "The PASCAL Visual Object
    Classes Challenge: A Retrospective", IJCV 2015). It takes what ``IoUMetric`` does.
    """

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Values by name, in percent."""
        found = super().compute_metrics(results)
        return dict(mIoU=found.pop("mIoU"), **found)
