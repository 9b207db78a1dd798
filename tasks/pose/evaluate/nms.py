"""Non-maximum suppression by OKS: drop results that are too similar to a better one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from bsam_suite.compat import import_mmpose
from bsam_suite.errors import InputError
from tasks.pose.coco import SIGMAS


def check_threshold(threshold: float) -> None:
    """Check that ``threshold`` is an OKS.

    Raises:
        InputError: it is not between 0 and 1.
    """
    if not 0 < threshold <= 1:
        raise InputError(
            f"--oks-nms {threshold}: give a similarity above 0, at most 1, such as 0.9"
        )


def oks_nms(found: list[dict], threshold: float, sigmas: Sequence[float] = SIGMAS) -> list[dict]:
    """Drop results whose OKS to a better one in the same image exceeds ``threshold``.

    As in MMPose's ``CocoMetric`` with ``nms_mode='oks_nms'``. The area in the OKS is the mean area
    of the two results' boxes, or of the boxes around their keypoints.
    """
    import_mmpose()
    from mmpose.evaluation.functional import oks_nms as keep

    images = defaultdict(list)
    for result in found:
        images[result["image_id"], result["category_id"]].append(result)
    kept = []
    for group in images.values():
        entries = [
            dict(keypoints=np.array(r["keypoints"]), score=r["score"], area=_area(r)) for r in group
        ]
        kept += [group[i] for i in keep(entries, threshold, np.array(sigmas))]
    return kept


def _area(result: dict) -> float:
    if result.get("bbox"):
        return result["bbox"][2] * result["bbox"][3]
    x, y = np.ptp(result["keypoints"][0::3]), np.ptp(result["keypoints"][1::3])
    return float(x * y)
