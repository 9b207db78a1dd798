"""Tests of drawn poses and contact sheets."""

import numpy as np
import pytest

from bsam_suite.pictures.contact_sheet import contact_sheet
from tasks.pose.coco import INDEX
from tasks.pose.visualization import LEFT, MIDDLE, RIGHT, draw_person


def black(height: int = 60, width: int = 80) -> np.ndarray:
    return np.zeros((height, width, 3), np.uint8)


def points(**given) -> np.ndarray:
    result = np.zeros((17, 3))
    for name, value in given.items():
        result[INDEX[name]] = value
    return result


@pytest.mark.parametrize(
    ("name", "colour"), [("left_knee", LEFT), ("right_knee", RIGHT), ("nose", MIDDLE)]
)
def test_sides_have_colours_of_their_own(name, colour):
    picture = draw_person(black(), points(**{name: (30, 20, 2)}))
    np.testing.assert_array_equal(picture[20, 30], colour)
    assert not picture[:, 50:].any()


def test_hidden_keypoints_are_hollow_and_missing_ones_left_out():
    hidden = draw_person(black(), points(left_knee=(30, 20, 1)), scale=2)
    assert hidden.any() and not hidden[40:42, 60:62].any()
    assert not draw_person(black(), points(left_knee=(30, 20, 0))).any()
    assert not draw_person(black(), points(left_knee=(np.nan, 20, 2))).any()


def test_limbs_join_drawn_keypoints_only():
    ends = {"left_hip": (20, 10, 2), "left_knee": (20, 50, 2)}
    assert draw_person(black(), points(**ends))[30, 20].any()
    ends["left_knee"] = (20, 50, 0)
    assert not draw_person(black(), points(**ends))[30, 20].any()


def test_scale_enlarges_picture_keypoints_and_box():
    image = black()
    picture = draw_person(image, points(left_knee=(30, 20, 2)), box=(10, 5, 40, 30), scale=3)
    assert picture.shape == (180, 240, 3)
    np.testing.assert_array_equal(picture[61, 91], LEFT)  # the middle of the enlarged pixel
    assert picture[60, 30].all() and picture[60, 150].all()  # left and right side of the box
    assert picture[15, 90].all() and picture[105, 90].all()
    assert not image.any()


def test_bad_pictures_and_keypoints_are_refused():
    with pytest.raises(ValueError, match="shape"):
        draw_person(black(), np.zeros((17, 2)))
    with pytest.raises(ValueError, match="uint8"):
        draw_person(black().astype(float), points())
    with pytest.raises(ValueError, match="scale"):
        draw_person(black(), points(), scale=0)
    with pytest.raises(ValueError, match="thickness"):
        draw_person(black(), points(), thickness=0)


def test_sheet_places_tiles_in_rows():
    tiles = [np.full((20, 30, 3), value, np.uint8) for value in (50, 100, 150)]
    sheet = contact_sheet(tiles, columns=2)
    assert sheet.shape == (2 * 24 + 4, 2 * 34 + 4, 3)
    assert (sheet[4:24, 4:34] == 50).all() and (sheet[4:24, 38:68] == 100).all()
    assert (sheet[28:48, 4:34] == 150).all() and (sheet[28:48, 38:68] == 32).all()


def test_sheet_keeps_proportions_and_writes_captions():
    tiles = [np.full((40, 20, 3), 200, np.uint8), np.full((20, 40, 3), 200, np.uint8)]
    sheet = contact_sheet(tiles, columns=2, size=(40, 40))[4:44, 4:]
    assert (sheet[:, 10:30] == 200).all() and (sheet[:, :10] == 32).all()
    assert (sheet[10:30, 44:84] == 200).all() and (sheet[:10, 44:84] == 32).all()
    captioned = contact_sheet(tiles, columns=2, captions=["one", ""], size=(40, 40))
    assert captioned.shape[0] == 64
    assert (captioned[44:, :44] > 100).any() and (captioned[44:, 44:] == 32).all()


def test_bad_sheets_are_refused():
    with pytest.raises(ValueError, match="no tiles"):
        contact_sheet([], 2)
    with pytest.raises(ValueError, match="columns"):
        contact_sheet([black()], 0)
    with pytest.raises(ValueError, match="captions"):
        contact_sheet([black()], 1, captions=["a", "b"])
