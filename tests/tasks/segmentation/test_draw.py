"""Colours of masks."""

import numpy as np

from tasks.segmentation.draw import draw_mask


def test_pixels_take_the_colour_of_their_class():
    image = np.full((1, 4, 3), 100, np.uint8)
    mask = np.array([[0, 1, 2, 255]])
    palette = [[0, 0, 0], [200, 0, 50], [0, 100, 0]]  # RGB
    drawn = draw_mask(image, mask, palette, strength=0.5)
    assert drawn.tolist() == [[[100] * 3, [75, 50, 150], [50, 100, 50], [100] * 3]]
    assert (image == 100).all() and drawn.dtype == np.uint8
