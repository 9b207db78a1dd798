"""Write keypoints to a results file in COCO's format."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from mmpose.evaluation.metrics import CocoMetric

from bsam_suite.compat.coco import COCO
from tasks.pose.predict.checkpoint_config import SETTINGS


class Results:
    """Collects keypoints, then scores, filters and writes them as in an evaluation.

    Args:
        evaluator: config of the evaluator, whose :data:`SETTINGS` are used.
        metainfo: MMPose's description of the keypoints.
        folder: for ``results.keypoints.json``.
    """

    def __init__(self, evaluator: dict, metainfo: dict, folder: Path) -> None:
        settings = {name: evaluator[name] for name in SETTINGS if name in evaluator}
        self._metric = CocoMetric(
            format_only=True, outfile_prefix=str(folder / "results"), **settings
        )
        self._metric.coco = COCO()  # otherwise it would read annotations
        self._metric.dataset_meta = metainfo
        self.path = folder / "results.keypoints.json"

    def add(self, samples: Iterable[dict]) -> None:
        """Add the predictions for a batch."""
        self._metric.process([], list(samples))

    def write(self) -> list[dict]:
        """Write the file and return its content."""
        count = len(self._metric.results)
        if count:
            self._metric.evaluate(count)
        else:
            self.path.write_text("[]\n")
        return json.loads(self.path.read_text())
