"""What the suite reads from elsewhere: valid files, how they are changed, and what is made of them.

Each reader takes the way that a command takes, up to where the content has been used once.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parents[1]
sys.path[:0] = [path for path in (str(HERE.parents[1]), str(HERE)) if path not in sys.path]

import cv2  # noqa: E402
from mmengine.logging import MMLogger  # noqa: E402

from bsam_suite.compat import import_mmpose  # noqa: E402
from bsam_suite.errors import InputError  # noqa: E402
from bsam_suite.quantization.compiled import Compiled  # noqa: E402

import_mmpose()
MMLogger.get_current_instance().setLevel("ERROR")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
Compiled.__call__ = lambda self, *arguments: self.plain(*arguments)  # nothing is compiled here

from readers import images, networks, onnx_files, options, packed, plans, poses  # noqa: E402

READERS = dict(
    options=options.OPTIONS,
    coco=poses.COCO,
    results=poses.RESULTS,
    detections=poses.DETECTIONS,
    images=images.IMAGES,
    packed=packed.PACKED,
    pth=networks.PTH,
    onnx=onnx_files.ONNX,
    plans=plans.PLANS,
)
__all__ = ["READERS", "InputError"]
