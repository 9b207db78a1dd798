"""The contact sheet of a training shows what there is, and never ends it."""

import logging
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmengine.structures import InstanceData

import tasks.pose.register_all  # noqa: F401
from bsam_suite.errors import InputError
from tasks.pose.category import category_skeleton
from tasks.pose.crops import crop_person
from tasks.pose.hooks import ContactSheetHook
from tasks.pose.visualization import LEFT, RIGHT

FISH = category_skeleton(dict(name="fish", keypoints=["left_eye", "right_eye", "tail"]), "a.json")
GREY = (64,) * 3
WHITE = (255,) * 3


def sample(file, box=(40, 20, 100, 100), points=((50, 30), (60, 40), (70, 50)), truth=True):
    from mmpose.structures import PoseDataSample

    given = PoseDataSample(metainfo=dict(img_path=str(file)))
    keypoints = np.array([points], np.float32)
    given.gt_instances = InstanceData(
        bboxes=np.array([box], np.float32),
        keypoints=keypoints,
        keypoints_visible=np.ones((1, len(points)), np.float32),
    )
    given.pred_instances = InstanceData(keypoints=keypoints)
    if truth:
        given.set_field({}, "raw_ann_info", field_type="metainfo")
    return given


@pytest.fixture
def sheet(tmp_path):
    """The sheet of one validation with these samples."""
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    def draw(*samples):
        data = SimpleNamespace(metainfo=parse_pose_metainfo(FISH.metainfo()))
        loader = type("Loader", (list,), dict(dataset=data))([0])
        runner = SimpleNamespace(val_dataloader=loader, epoch=3, logger=logging.getLogger("a"))
        runner.work_dir = tmp_path
        hook = ContactSheetHook()
        hook.before_run(runner)
        hook.after_val_iter(runner, 0, outputs=list(samples))
        hook.after_val_epoch(runner)
        return cv2.imread(str(tmp_path / "pictures/epoch_3.png"))

    return draw


@pytest.fixture
def image(tmp_path):
    """A white image of 160x120."""
    cv2.imwrite(str(tmp_path / "white.png"), np.full((120, 160, 3), 255, np.uint8))
    return tmp_path / "white.png"


def has(picture, colour):
    """Whether there is about this colour; small things fade as the tiles are reduced."""
    return (abs(picture.astype(int) - colour) < (3 if colour == GREY else 60)).all(2).any()


def test_other_keypoints_and_detections(sheet, image):
    both = sheet(sample(image))
    assert has(both, LEFT) and has(both, RIGHT) and has(both, WHITE)
    alone = sheet(sample(image, points=[(0, 0)] * 3, truth=False))
    assert not has(alone, GREY)  # places without labels do not widen the crop


@pytest.mark.parametrize(
    "box",
    [(500, 20, 560, 100), (40, 300, 100, 380), (-90, 20, -30, 100), (-30, -20, 30, 60)]
    + [(50, 50, 50, 50), (90, 80, 20, 10), (0, 0, 1e9, 1e9), (-1e30, 0, 10, 1e30)]
    + [(np.nan, 0, 10, 10), (np.nan,) * 4, (np.inf, 0, 1, 1), (158, 0, 160, 120)],
)
def test_any_box_gives_a_tile(sheet, image, box):
    points = [(5, 5), (150, 1e8), (np.nan, 3)]
    picture = sheet(sample(image, box, points))
    assert picture.shape == (256 + 8, 300 + 8, 3) and picture.std() > 0
    assert has(picture, GREY) or has(picture, WHITE)


def test_images_that_cannot_be_read_are_grey(sheet, image, tmp_path):
    image.write_bytes(b"no image")
    for file in (image, tmp_path / "none.png"):
        picture = sheet(sample(file))
        assert has(picture, GREY) and has(picture, LEFT) and not has(picture, WHITE)


def test_nobody_gives_no_tile(sheet, image):
    none, one = sample(image), sample(image)
    none.pred_instances = none.pred_instances[:0]
    assert sheet(none) is None
    assert sheet(none, one).shape == sheet(one).shape


def test_a_folder_that_cannot_be_made_is_known_before_the_training(tmp_path):
    (tmp_path / "taken").touch()
    with pytest.raises(InputError, match="taken .*--show-dir"):
        ContactSheetHook(out_dir=str(tmp_path / "taken")).before_run(SimpleNamespace())


@pytest.mark.parametrize("box", [(60, 40, 50, 30), (-20, -10, 100, 90), (100, 70, 500, 60)])
def test_a_crop_keeps_places(box):
    picture = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(picture, (90, 60), 4, (0, 0, 255), -1)
    crop = crop_person(picture, box, np.array([[90, 60], [np.nan, 1]]), 400)
    assert max(crop.image.shape[:2]) == 400
    rows, columns = np.nonzero(crop.image[:, :, 2] > 200)
    middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
    assert (
        abs(middle / crop.scale + crop.corner - 90.5 * np.eye(2)[0] - 60.5 * np.eye(2)[1]).max() < 1
    )
    # Box and place have a margin around them.
    inside = crop.corner, crop.corner + np.array(crop.image.shape[1::-1]) / crop.scale
    assert (inside[0] <= np.clip(box[:2], -80, 240) - 8).all()
    assert (inside[1] >= np.minimum(np.add(box[:2], box[2:]), (240, 180))).all()
