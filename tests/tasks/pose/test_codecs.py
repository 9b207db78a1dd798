"""Heatmaps: encoding against the closed form, decoding against the points that were encoded."""

import numpy as np
import pytest

import tasks.pose.register_all  # noqa: F401
from tasks.pose.codecs import ExactUDPHeatmap


def codec(sigma=0.8, blur=3):
    return ExactUDPHeatmap((96, 128), (24, 32), sigma=sigma, blur_kernel_size=blur)


def test_a_cell_holds_the_gaussian_of_its_distance():
    # UDP: the middles of the first and last cell are the middles of the first and last pixel.
    x, y = 10.25 * 95 / 23, 7.5 * 127 / 31
    encoded = codec().encode(np.array([[[x, y]]]), np.ones((1, 1)))
    for column, row in ((10, 7), (11, 8), (9, 6), (13, 9)):
        square = (column - 10.25) ** 2 + (row - 7.5) ** 2
        expected = np.exp(-square / (2 * 0.8**2))
        assert encoded["heatmaps"][0, row, column] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("sigma", [0.8, 1.0, 1.5])
def test_decoding_finds_the_points_that_were_encoded(sigma):
    points = np.random.default_rng(0).uniform((10, 10), (85, 117), (50, 17, 2))
    for person in points:
        heatmaps = codec(sigma).encode(person[None])["heatmaps"]
        found, scores = codec(sigma).decode(heatmaps)
        np.testing.assert_allclose(found[0], person, atol=0.05)
        assert (scores > 0.6).all()


def test_what_is_not_labelled_or_outside_has_no_weight():
    points = np.array([[[10, 10], [-4, 50], [50, 131], [40, 40]]], float)
    encoded = codec().encode(points, np.array([[1, 1, 1, 0]], float))
    np.testing.assert_array_equal(encoded["keypoint_weights"], [[1, 0, 0, 0]])
    assert encoded["heatmaps"][0].max() > 0.5 and not encoded["heatmaps"][1:].any()
