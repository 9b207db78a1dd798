"""xtcocotools, which no longer builds, served by pycocotools."""

from __future__ import annotations

import sys
from types import ModuleType

from bsam_suite.compat.placeholders import is_missing


def serve_xtcocotools() -> bool:
    """Answer ``import xtcocotools`` with pycocotools.

    MMPose 1.3.2 reads annotations and computes COCO AP through xtcocotools, whose last release
    (1.14.3) does not build against NumPy 2. It is pycocotools with two more arguments of COCOeval.
    Nothing is done where xtcocotools is installed. Returns whether it was needed.
    """
    if "xtcocotools" in sys.modules or not is_missing("xtcocotools"):
        return False
    import pycocotools.coco
    import pycocotools.mask

    cocoeval = ModuleType("xtcocotools.cocoeval")
    cocoeval.COCOeval = _coco_eval()
    package = ModuleType("xtcocotools")
    package.__path__ = []
    parts = {"coco": pycocotools.coco, "mask": pycocotools.mask, "cocoeval": cocoeval}
    for name, module in parts.items():
        setattr(package, name, module)
        sys.modules[f"xtcocotools.{name}"] = module
    sys.modules["xtcocotools"] = package
    return True


def _coco_eval() -> type:
    import numpy as np
    from pycocotools.cocoeval import COCOeval as Base

    class COCOeval(Base):
        """pycocotools' COCOeval for keypoints of any skeleton.

        Args:
            cocoGt, cocoDt: as in pycocotools.
            iouType: ``'keypoints'``, ``'bbox'`` or ``'segm'``.
            sigmas: array (K,), the OKS constant of each keypoint; default: COCO's 17.
            use_area: False takes 0.53 of the box's area for data sets that give no area (the
                ratio that CrowdPose and AI Challenger evaluations use).

        Raises:
            NotImplementedError: ``iouType='keypoints_crowd'`` (CrowdPose), which pycocotools
                does not know.
        """

        def __init__(
            self, cocoGt=None, cocoDt=None, iouType="keypoints", sigmas=None, use_area=True
        ):
            if iouType == "keypoints_crowd":
                raise NotImplementedError(
                    "iou_type='keypoints_crowd' needs the real xtcocotools; use 'keypoints'"
                )
            super().__init__(cocoGt, cocoDt, iouType)
            if sigmas is not None:
                self.params.kpt_oks_sigmas = np.asarray(sigmas)
            self.use_area = use_area

        def _prepare(self):
            super()._prepare()
            if not self.use_area:
                for annotations in self._gts.values():
                    for annotation in annotations:
                        _, _, width, height = annotation["bbox"]
                        annotation["area"] = width * height * 0.53

    return COCOeval
