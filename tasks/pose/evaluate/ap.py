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
    """Check that a backend is installed.

    Raises:
        InputError: it is unknown, or its package is missing.
    """
    if name not in BACKENDS:
        raise InputError(f"--backend {name}: give one of {', '.join(BACKENDS)}")
    need(name.replace("-", "_"), "pose" if name == "pycocotools" else name)


def average_precision(
    truth: dict, found: list[dict], backend: str, sigmas: Sequence[float] = SIGMAS
) -> dict[str, float]:
    """COCO's AP and AR of keypoints.

    https://cocodataset.org/#keypoints-eval: mean over the OKS thresholds 0.50, 0.55, ..., 0.95, for
    at most 20 results per image. -1 means that there are no persons of this kind.

    Args:
        found: results; those whose keypoints all score 0 are ignored.
        backend: one of ``BACKENDS``. They give the same numbers.

    Returns:
        The numbers by :data:`NAMES`.
    """
    # With other fields pycocotools would take a result for another kind.
    fields = ("image_id", "category_id", "keypoints", "score", "bbox")
    found = [
        {name: result[name] for name in fields if result.get(name, []) != []}
        for result in found
        if any(s > 0 for s in result["keypoints"][2::3])
    ]
    # Optional fields get the same values for both backends. An id of 0 would mean "no match".
    labelled = [sum(v > 0 for v in a["keypoints"][2::3]) for a in truth["annotations"]]
    annotations = [
        dict(a, id=i, iscrowd=a.get("iscrowd", 0), num_keypoints=n)
        for i, (a, n) in enumerate(zip(truth["annotations"], labelled), 1)
    ]
    truth = dict(truth, annotations=annotations)
    with redirect_stdout(None):
        evaluation = (_pycocotools if backend == "pycocotools" else _faster)(truth, found, sigmas)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(NAMES, map(float, evaluation.stats)))


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
