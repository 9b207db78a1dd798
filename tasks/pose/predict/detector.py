"""Detect persons with one of torchvision's detectors, with weights from the disk."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlparse

import numpy as np
import torch
from torchvision.models import detection, get_model, get_model_weights, list_models

from bsam_suite.compat.safe_loading import load_checkpoint
from bsam_suite.errors import InputError
from tasks.pose.predict.boxes import Box

LEAST = 0.5
"""Persons with a lower score are ignored."""
PERSON = 1
"""The label of persons in all of torchvision's detectors."""


class Detector:
    """Detects the persons in an image. Nothing is downloaded.

    Args:
        name: of a model in ``torchvision.models.detection``, such as
            ``fasterrcnn_mobilenet_v3_large_320_fpn``.

    Raises:
        InputError: the detector does not exist, or its weights are not on disk.
    """

    def __init__(self, name: str) -> None:
        file = weights_file(name)
        load_checkpoint(file)  # refuses code, which torchvision's own loader would run
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        model = get_model(name, weights=get_model_weights(name).DEFAULT)
        self._model = model.eval().to(self._device)

    @torch.no_grad()
    def __call__(self, image_id: int, image: np.ndarray) -> list[Box]:
        """The persons in an image, (H, W, 3) uint8 BGR."""
        rgb = np.ascontiguousarray(image[..., ::-1].transpose(2, 0, 1))
        tensor = torch.from_numpy(rgb).to(self._device).float() / 255
        found = self._model([tensor])[0]
        chosen = (found["labels"] == PERSON) & (found["scores"] >= LEAST)
        corners, scores = (found[k][chosen].tolist() for k in ("boxes", "scores"))
        return [Box(tuple(c), s) for c, s in zip(corners, scores)]


def weights_file(name: str) -> Path:
    """The file where torchvision stores the weights of a detector.

    Raises:
        InputError: the detector or the file does not exist.
    """
    names = list_models(module=detection)
    if name not in names:
        raise InputError(f"--detector {name} is not one of torchvision's: give one of {names}")
    url = get_model_weights(name).DEFAULT.url
    file = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(url).path).name)
    if not file.is_file():
        raise InputError(
            f"--detector {name}: its weights are not on disk: put {url} into {file}, or give boxes "
            "by --boxes FILE"
        )
    return file
