"""Average precision and recall by object keypoint similarity (OKS)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout

import numpy as np

from bsam_suite.errors import InputError
from bsam_suite.optional import need
from tasks.pose.coco import SIGMAS

BACKENDS = ("pycocotools", "faster-coco-eval")
NAMES = (
    *("AP", "AP .5", "AP .75", "AP (M)", "AP (L)"),
    *("AR", "AR .5", "AR .75", "AR (M)", "AR (L)"),
)
"""COCO's ten numbers in their order."""


def check_backend(name: str) -> None:
    """Make sure that a backend is there.

    Raises:
        InputError: an unknown one, or one whose package is missing.
    """
    if name not in BACKENDS:
        raise InputError(f"--backend {name}: give one of {', '.join(BACKENDS)}")
    need(name.replace("-", "_"), "pose" if name == "pycocotools" else name)


def average_precision(
    truth: dict, found: list[dict], backend: str, sigmas: Sequence[float] = SIGMAS
) -> dict[str, float]:
    """COCO's AP and AR of keypoints.

    https://cocodataset.org/#keypoints-eval: mean over the OKS thresholds 0.50, 0.55, ..., 0.95, of
    at most 20 results an image. Of -1, there was nothing to find.

    Args:
        truth: content of a file of annotations.
        found: results; those whose keypoints all score 0 are left out.
        backend: one of ``BACKENDS``. They give the same numbers.
        sigmas: the OKS constant of each keypoint.

    Returns:
        The numbers by :data:`NAMES`.
    """
    # pycocotools takes a result for another kind by the fields that it has beside these.
    fields = ("image_id", "category_id", "keypoints", "score", "bbox")
    found = [
        {name: result[name] for name in fields if result.get(name, []) != []}
        for result in found
        if any(s > 0 for s in result["keypoints"][2::3])
    ]
    # What a set may leave out, filled in alike for both. An id of 0 would mean "no match".
    annotations = [
        dict(a, id=i, iscrowd=a.get("iscrowd", 0), num_keypoints=_labelled(a))
        for i, a in enumerate(truth["annotations"], 1)
    ]
    truth = dict(truth, annotations=annotations)
    with redirect_stdout(None):
        evaluation = (_pycocotools if backend == "pycocotools" else _faster)(truth, found, sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(NAMES, map(float, evaluation.stats)))


def _labelled(annotation: dict) -> int:
    return sum(v > 0 for v in annotation["keypoints"][2::3])


def _pycocotools(truth: dict, found: list[dict], sigmas: Sequence[float]):
    from bsam_suite.compat.coco import COCO, COCOeval

    truths = COCO()
    truths.dataset = truth
    truths.createIndex()
    return COCOeval(truths, truths.loadRes(found), "keypoints", np.array(sigmas))


def _faster(truth: dict, found: list[dict], sigmas: Sequence[float]):
    from faster_coco_eval import COCO, COCOeval_faster

    truths = COCO(truth)
    return COCOeval_faster(truths, truths.loadRes(found), "keypoints", kpt_oks_sigmas=list(sigmas))
