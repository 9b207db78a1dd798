"""Write xtcocotools.json: annotations, detections and what the real xtcocotools 1.14.3 says.

Runs on Python 3.10 with ``pip install 'numpy<2' matplotlib xtcocotools==1.14.3`` and without the
suite: ``python make_xtcocotools.py``.
"""

import copy
import json
from pathlib import Path

import numpy as np
from xtcocotools.coco import COCO
from xtcocotools.cocoeval import COCOeval

HERE = Path(__file__).parent
PARTS = dict(keypoints=5, foot_kpts=2, face_kpts=3, lefthand_kpts=2, righthand_kpts=2)
SIGMAS = [0.05, 0.1, 0.07, 0.03, 0.09, 0.1, 0.1, 0.04, 0.05, 0.06, 0.05, 0.04, 0.03, 0.08]
CASES = {
    "keypoints": SIGMAS[:5],
    "keypoints_crowd": SIGMAS[:5],
    "keypoints_body": SIGMAS[:5],
    "keypoints_foot": SIGMAS[5:7],
    "keypoints_face": SIGMAS[7:10],
    "keypoints_lefthand": SIGMAS[10:12],
    "keypoints_righthand": SIGMAS[12:14],
    "keypoints_wholebody": SIGMAS,
}


def make(rng):
    images, truths, found = [], [], []
    for image in range(1, 13):
        images.append(dict(id=image, height=400, width=400, crowdIndex=round(rng.random(), 2)))
        for _ in range(rng.integers(1, 4)):
            size = rng.uniform(15, 180)
            box = [*rng.uniform(0, 200, 2), size, size * rng.uniform(0.5, 2)]
            box = [round(float(number), 1) for number in box]
            truth = dict(id=len(truths), image_id=image, category_id=1, bbox=box)  # ids from 0
            truth["area"] = round(box[2] * box[3] * rng.uniform(0.3, 0.9), 1)
            truth["iscrowd"] = int(rng.random() < 0.1)
            result = dict(image_id=image, category_id=1, score=round(rng.random(), 3))
            empty, unscored = rng.random() < 0.1, rng.random() < 0.1
            error = size * rng.choice([0.01, 0.05, 0.2])
            for part, count in PARTS.items():
                points = np.array(box[:2]) + rng.random((count, 2)) * box[2:]
                labels = rng.integers(0, 3, (count, 1)) * (not empty)
                guess = points + rng.normal(0, error, points.shape)
                scores = rng.random((count, 1)) * (not unscored)
                truth[part] = np.hstack([points, labels]).round(1).ravel().tolist()
                result[part] = np.hstack([guess, scores]).round(2).ravel().tolist()
            truth["num_keypoints"] = sum(v == 2 for v in truth["keypoints"][2::3])
            truths.append(truth)
            if rng.random() < 0.85:
                if rng.random() < 0.5:
                    result["face_score"] = round(rng.random(), 3)
                found.append(result)
            if rng.random() < 0.5:  # a false alarm, with a box of its own
                far = dict(copy.deepcopy(result), score=round(rng.random(), 3))
                far["keypoints"] = (np.array(far["keypoints"]) + 300).tolist()
                found.append(far)
    categories = [dict(id=1, name="person")]
    return dict(images=images, annotations=truths, categories=categories), found


def main():
    truths, found = make(np.random.default_rng(7))
    file = HERE / "xtcocotools.json"
    file.write_text(json.dumps(truths))
    expected = {}
    for kind, sigmas in CASES.items():
        for use_area in (True, False):
            coco = COCO(str(file))
            results = coco.loadRes(copy.deepcopy(found))
            evaluation = COCOeval(coco, results, kind, np.array(sigmas), use_area)
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            expected[f"{kind} {use_area}"] = dict(sigmas=sigmas, stats=evaluation.stats.tolist())
    content = dict(truths=truths, found=found, expected=expected)
    file.write_text(json.dumps(content, default=float) + "\n")


if __name__ == "__main__":
    main()
