"""mmcv's shift of hues."""

from __future__ import annotations

from functools import wraps


class Turn(float):
    """A shift of hues, whose product with 255 is one of the 256 hues, as a shift to the left is."""

    def __mul__(self, other):
        return int(float(self) * other) % 256


def patch_adjust_hue() -> bool:
    """Let mmcv 2.2.0 shift hues to the left under NumPy 2, as MMPreTrain's ``ColorJitter`` does.

    It calls ``np.uint8`` with a negative number, which NumPy 1 wrapped around (-10 to 246) and
    NumPy 2 refuses. Returns whether the patch was needed.
    """
    import mmcv
    import numpy as np

    try:
        np.uint8(-1)
        return False
    except OverflowError:
        pass
    adjust = mmcv.adjust_hue
    if not hasattr(adjust, "takes_turns"):

        @wraps(adjust)
        def adjust_hue(img, hue_factor, backend=None):
            return adjust(img, Turn(hue_factor), backend)

        vars(adjust_hue)["takes_turns"] = True
        for module in (mmcv, mmcv.image, mmcv.image.photometric):
            module.adjust_hue = adjust_hue
    return True
