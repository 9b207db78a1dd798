"""What xtcocotools 1.14.3 adds to pycocotools: keypoints of any skeleton, crowds, whole bodies."""

from __future__ import annotations

import math
from collections import defaultdict
from contextlib import redirect_stdout

import numpy as np
import pycocotools.coco
import pycocotools.cocoeval

from bsam_suite.errors import InputError
from bsam_suite.json_file import read_json

# iouType: the key of its score, where the detection has one, and the fields with its keypoints
KEYPOINTS = {
    "keypoints": ("score", ["keypoints"]),
    "keypoints_crowd": ("score", ["keypoints"]),
    "keypoints_body": ("score", ["keypoints"]),
    "keypoints_foot": ("foot_score", ["foot_kpts"]),
    "keypoints_face": ("face_score", ["face_kpts"]),
    "keypoints_lefthand": ("lefthand_score", ["lefthand_kpts"]),
    "keypoints_righthand": ("righthand_score", ["righthand_kpts"]),
    "keypoints_wholebody": (
        "wholebody_score",
        ["keypoints", "foot_kpts", "face_kpts", "lefthand_kpts", "righthand_kpts"],
    ),
}


class COCO(pycocotools.coco.COCO):
    """pycocotools' COCO that accepts annotations without ``iscrowd`` and empty results.

    Raises:
        InputError: a file that cannot be read.
    """

    def __init__(self, annotation_file=None):
        super().__init__()
        if annotation_file is None:
            return
        self.dataset = read_json(annotation_file)
        if not isinstance(self.dataset, dict):
            kind = type(self.dataset).__name__
            raise InputError(f"{annotation_file} contains a {kind}: give an annotation file")
        self.createIndex()
        for annotation in self.dataset.get("annotations", ()):
            annotation.setdefault("iscrowd", False)

    def loadRes(self, resFile):
        results = read_json(resFile) if isinstance(resFile, str) else resFile
        if len(results):
            return super().loadRes(results)
        empty = COCO()
        empty.dataset = dict(images=list(self.dataset["images"]), annotations=[])
        empty.createIndex()
        return empty


class COCOeval(pycocotools.cocoeval.COCOeval):
    """pycocotools' COCOeval with the rules of xtcocotools 1.14.3.

    The rules were taken from xtcocotools' source and are tested against numbers it computed:

    - With ``use_area=False`` the area of a ground truth is ``0.53 * width * height`` of its box, in
      the OKS and for the area range; with ``use_area=True`` it must have an area. The area of a
      detection is that of its own box (or of the box around its keypoints) in both cases.
    - A ground truth is ignored if it is a crowd or has no labelled keypoint (v > 0), for
      ``'keypoints_crowd'`` if its ``num_keypoints``, which counts visible ones, is 0.
    - A detection whose keypoints all score 0 is ignored.
    - A ground truth may have the id 0.

    Args:
        cocoGt, cocoDt: as in pycocotools.
        iouType: ``'bbox'``, ``'segm'`` or one of :data:`KEYPOINTS`.
        sigmas: (K,), the OKS constant of each keypoint; default: COCO's 17.
        use_area: False for data sets without areas, such as CrowdPose and AI Challenger.

    Raises:
        InputError: an unknown ``iouType``, or annotations without the fields that it needs.
    """

    def __init__(self, cocoGt=None, cocoDt=None, iouType="keypoints", sigmas=None, use_area=True):
        if iouType not in ("bbox", "segm", *KEYPOINTS):
            known = ", ".join(["bbox", "segm", *KEYPOINTS])
            raise InputError(f"iou_type={iouType!r} of the evaluator: give one of {known}")
        super().__init__(cocoGt, cocoDt, "keypoints" if iouType in KEYPOINTS else iouType)
        self.kind = iouType
        self.use_area = use_area
        if sigmas is not None and iouType in KEYPOINTS:
            self.params.kpt_oks_sigmas = np.asarray(sigmas)

    def _prepare(self):
        if self.params.iouType != "keypoints":
            super()._prepare()
            return
        self._gts, self._dts = defaultdict(list), defaultdict(list)
        for coco, found, convert in (
            (self.cocoGt, self._gts, self._truth),
            (self.cocoDt, self._dts, self._detection),
        ):
            categories = self.params.catIds if self.params.useCats else []
            ids = coco.getAnnIds(imgIds=self.params.imgIds, catIds=categories)
            for annotation in map(convert, coco.loadAnns(ids)):
                if annotation is not None:
                    key = annotation["image_id"], annotation["category_id"]
                    found[key].append(annotation)
        self.evalImgs, self.eval = defaultdict(list), {}

    def _truth(self, annotation: dict) -> dict:
        keypoints = self._keypoints(annotation)
        if self.use_area and "area" not in annotation:
            raise InputError(
                f"annotation {annotation['id']} has no 'area': set use_area=False in the evaluator"
            )
        if len(keypoints) != 3 * len(self.params.kpt_oks_sigmas):
            raise InputError(
                f"annotation {annotation['id']} has {len(keypoints) // 3} keypoints for "
                f"iou_type={self.kind!r}, but there are {len(self.params.kpt_oks_sigmas)} sigmas: "
                "give the evaluator the metainfo of this data set"
            )
        if self.kind == "keypoints_crowd":
            labelled = self._field(annotation, "num_keypoints")
        else:
            labelled = sum(v > 0 for v in keypoints[2::3])
        _, _, width, height = annotation["bbox"]
        return dict(
            annotation,
            id=annotation["id"] or -1,  # pycocotools takes 0 for "no match"
            keypoints=keypoints,
            area=annotation["area"] if self.use_area else width * height * 0.53,
            ignore=labelled == 0 or annotation.get("iscrowd", 0),
        )

    def _detection(self, annotation: dict) -> dict | None:
        keypoints = self._keypoints(annotation)
        if not any(score > 0 for score in keypoints[2::3]):
            return None
        score = annotation.get(KEYPOINTS[self.kind][0], annotation["score"])
        return dict(annotation, keypoints=keypoints, score=score)

    def _keypoints(self, annotation: dict) -> list:
        parts = KEYPOINTS[self.kind][1]
        return [number for part in parts for number in self._field(annotation, part)]

    def _field(self, annotation: dict, name: str):
        if name not in annotation:
            raise InputError(
                f"annotation {annotation['id']} has no {name!r}, which iou_type={self.kind!r} of "
                "the evaluator needs: use 'keypoints'"
            )
        return annotation[name]

    def summarize(self):
        """Put AP and AR in ``stats``; for crowds also the AP of easy, medium and hard images."""
        super().summarize()
        if self.kind == "keypoints_crowd":
            crowding = self._ap_by_crowding()
            print("AP of easy, medium and hard images: {:.3f} {:.3f} {:.3f}".format(*crowding))
            self.stats = np.array([*self.stats[[0, 1, 2, 5, 6, 7]], *crowding])

    def _ap_by_crowding(self) -> list[float]:
        images = self.cocoGt.dataset["images"]
        if not all("crowdIndex" in image for image in images):
            raise InputError(
                "iou_type='keypoints_crowd' of the evaluator needs CrowdPose's 'crowdIndex' with "
                "each image of the annotation file: use 'keypoints'"
            )
        precisions = []
        for low, high in ((-math.inf, 0.2), (0.2, 0.8), (0.8, math.inf)):
            sigmas = self.params.kpt_oks_sigmas
            part = COCOeval(self.cocoGt, self.cocoDt, self.kind, sigmas, self.use_area)
            part.params.imgIds = [i["id"] for i in images if low <= i["crowdIndex"] < high]
            with redirect_stdout(None):
                part.evaluate()
                part.accumulate()
            precisions.append(round(part.eval["precision"][:, :, :, 0].mean(), 4))
        return precisions
