"""MMPose's ``LoadImage``, which refuses an image that is not whole."""

from __future__ import annotations

import mmcv
import numpy as np
from mmengine import fileio
from mmpose.datasets.transforms import LoadImage
from mmpose.registry import TRANSFORMS

from bsam_suite.errors import UnreadableFile

JPEG, SCAN, END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"
"""Markers of ITU-T T.81; none of them occurs within the data of a scan."""


@TRANSFORMS.register_module()
class LoadWholeImage(LoadImage):
    """MMPose's ``LoadImage``, but what cannot be read whole is an error that names the file.

    OpenCV fills the rest of a JPEG that was cut off with grey, and MMPose trains on that.

    Args: as MMPose's ``LoadImage``.

    Raises:
        UnreadableFile: there is no such file, it is cut off, or no image.
    """

    def transform(self, results: dict) -> dict:
        """Add ``img``, (H, W, 3) uint8 BGR, of ``results["img_path"]``, unless it is there."""
        if "img" in results:
            return super().transform(results)
        path = results["img_path"]
        try:
            content = fileio.get(path, backend_args=self.backend_args)
            if content.startswith(JPEG) and content.rfind(END) < content.rfind(SCAN):
                raise ValueError("the JPEG is cut off")
            image = mmcv.imfrombytes(content, self.color_type, backend=self.imdecode_backend)
            if image is None:
                raise ValueError("OpenCV cannot decode it")
        except Exception as error:  # a damaged file makes the libraries raise almost anything
            raise UnreadableFile.of(path, error) from error
        if self.to_float32:
            image = image.astype(np.float32)
        return dict(results, img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
