"""MMPose's pictures of poses."""

from __future__ import annotations

import warnings
from functools import wraps


def patch_circle_radius() -> bool:
    """Let MMPose 1.3.2 draw keypoints under NumPy 2.4.

    Its OpenCV visualizer calls ``int(radius)`` with an array of one element, which is an error
    since NumPy 2.4 (and a warning since 1.25). The patch passes the element itself. Returns whether
    it was needed.
    """
    if _converts():
        return False
    import numpy as np
    from mmpose.visualization.opencv_backend_visualizer import OpencvBackendVisualizer

    draw = OpencvBackendVisualizer.draw_circles
    if not hasattr(draw, "takes_arrays"):

        @wraps(draw)
        def draw_circles(self, center, radius, *args, **kwargs):
            if self.backend == "opencv":
                radius = np.asarray(radius).item()
            return draw(self, center, radius, *args, **kwargs)

        vars(draw_circles)["takes_arrays"] = True
        OpencvBackendVisualizer.draw_circles = draw_circles
    return True


def _converts() -> bool:
    """Whether NumPy converts an array with one element to a number."""
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return int(np.array([1])) == 1
        except TypeError:
            return False
