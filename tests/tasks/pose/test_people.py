"""Tests of the generator of synthetic people: drawing and labels."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tasks.pose.coco import INDEX, KEYPOINTS
from tasks.pose.people.body import Build, pose
from tasks.pose.people.camera import Camera
from tasks.pose.people.canvas import Canvas, plain
from tasks.pose.people.figure import draw_figure
from tasks.pose.people.labels import annotate, label_joints
from tasks.pose.people.outfit import random_outfit
from tasks.pose.people.parts import PARTS
from tasks.pose.people.poses import lowest
from tasks.pose.people.rotation import about_z
from tasks.pose.people.scene import random_scene
from tasks.pose.people.shapes import Box

FACING_CAMERA, FROM_BEHIND, IN_PROFILE = math.pi, 0.0, math.pi / 2
GREY = plain((128, 128, 128))


def camera_before(pitch: float = 0.0, focal: float = 260.0) -> Camera:
    return Camera(240, 240, focal, np.array([0, 1.0, 0]), pitch)


def stander(heading: float, at=(0.0, 3.5), **angles: float):
    """Somebody of average build who stands at ``at`` (x, z), arms a little off the body."""
    spread = {"left_shoulder_open": 0.4, "right_shoulder_open": 0.4}
    skeleton = pose(Build(), spread | angles, heading)
    return skeleton.moved(np.array([at[0], -lowest(skeleton), at[1]]))


def canvas_of(*skeletons, camera: Camera | None = None) -> Canvas:
    camera = camera or camera_before()
    canvas = Canvas(camera, np.zeros((camera.height, camera.width, 3)))
    for number, skeleton in enumerate(skeletons, 1):
        draw_figure(canvas, skeleton, random_outfit(np.random.default_rng(3)), number)
    return canvas


def labelled(skeleton, canvas: Canvas, number: int = 1) -> dict[str, np.ndarray]:
    return dict(zip(KEYPOINTS, label_joints(canvas, skeleton, number), strict=True))


# --- labels -----------------------------------------------------------------------------------


def test_left_is_on_the_right_of_the_picture_for_someone_facing_the_camera():
    front, back = stander(FACING_CAMERA), stander(FROM_BEHIND)
    seen, turned = labelled(front, canvas_of(front)), labelled(back, canvas_of(back))
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "ear"):
        assert seen[f"left_{joint}"][0] > seen[f"right_{joint}"][0] + 5
        assert turned[f"left_{joint}"][0] < turned[f"right_{joint}"][0] - 5
    assert seen["left_eye"][0] > seen["right_eye"][0]


def test_someone_facing_an_empty_room_shows_all_joints():
    person = stander(FACING_CAMERA)
    assert all(v == 2 for _, _, v in labelled(person, canvas_of(person)).values())


def test_a_face_turned_away_is_not_labelled():
    person = stander(FROM_BEHIND)
    labels = labelled(person, canvas_of(person))
    for name in ("nose", "left_eye", "right_eye"):
        np.testing.assert_array_equal(labels[name], 0)
    for name in ("left_shoulder", "right_hip", "left_knee", "right_ankle"):
        assert labels[name][2] == 2


def test_the_far_side_of_a_profile_is_hidden():
    person = stander(IN_PROFILE, left_shoulder_open=0, right_shoulder_open=0)
    eye = np.array([0, 1.0, 0])
    near, far = sorted(
        ("left_", "right_"),
        key=lambda side: np.linalg.norm(person.joints[side + "shoulder"] - eye),
    )
    labels = labelled(person, canvas_of(person))
    for joint in ("shoulder", "hip"):
        assert labels[near + joint][2] == 2
        assert labels[far + joint][2] == 1
    assert labels[near + "ear"][2] == 2 and labels[far + "ear"][2] == 0


def test_a_box_in_front_hides_and_a_box_behind_does_not():
    person = stander(FACING_CAMERA)
    knee = person.joints["left_knee"]
    for gap, expected in ((-0.5, 1), (0.5, 2)):
        canvas = canvas_of(person)
        canvas.draw(Box(knee + [0, 0, gap], (0.16, 0.16, 0.1)), GREY)
        labels = labelled(person, canvas)
        assert labels["left_knee"][2] == expected
        assert labels["right_knee"][2] == labels["left_hip"][2] == 2


def test_a_board_held_close_to_the_body_hides_it():
    person = stander(FACING_CAMERA)
    canvas = canvas_of(person)
    canvas.draw(Box(person.joints["left_hip"] + [0, 0, -0.16], (0.15, 0.15, 0.01)), GREY)
    assert labelled(person, canvas)["left_hip"][2] == 1


def test_another_person_in_front_hides_whatever_the_order_of_drawing():
    near, far = stander(FACING_CAMERA, (0, 2.6)), stander(FACING_CAMERA, (0, 3.6))
    for people in ((near, far), (far, near)):
        canvas = canvas_of(*people)
        number = 1 + people.index(far)
        assert labelled(far, canvas, number)["left_hip"][2] == 1
        assert labelled(near, canvas, 3 - number)["left_hip"][2] == 2


def test_joints_outside_of_the_image_are_zero():
    person = stander(FACING_CAMERA, (0, 1.8))
    labels = labelled(person, canvas_of(person, camera=camera_before(pitch=-0.25)))
    np.testing.assert_array_equal(labels["left_ankle"], 0)
    assert labels["nose"][2] == 2


def test_box_and_area_are_those_of_what_is_seen():
    person, camera = stander(FACING_CAMERA), camera_before()
    alone, cover = canvas_of(person), canvas_of()
    crate = Box((0.1, 0.2, 3.0), (0.5, 0.4, 0.2))
    cover.draw(crate, GREY)
    both = canvas_of(person, camera=camera)
    both.draw(crate, GREY)
    assert annotate(alone, person, 1)["area"] == np.isfinite(alone.depth).sum()
    mask = np.isfinite(alone.depth) & ~np.isfinite(cover.depth)
    found = annotate(both, person, 1)
    rows, columns = np.nonzero(mask)
    assert 0 < found["area"] == mask.sum() < annotate(alone, person, 1)["area"]
    assert found["bbox"] == [
        columns.min(),
        rows.min(),
        columns.max() - columns.min() + 1,
        rows.max() - rows.min() + 1,
    ]
    assert found["num_keypoints"] == sum(v > 0 for v in found["keypoints"][2::3])


def test_someone_nearly_hidden_is_dropped():
    person = stander(FACING_CAMERA)
    canvas = canvas_of(person)
    canvas.draw(Box((0, 1, 2.5), (0.7, 1.5, 0.1), about_z(0.0)), GREY)
    assert annotate(canvas, person, 1) is None


def test_legs_behind_a_wall_are_guessed_only_near_to_what_is_seen():
    person = stander(FACING_CAMERA)
    canvas = canvas_of(person)
    canvas.draw(Box((0, 0.35, 2.8), (2, 0.7, 0.1)), GREY)
    labels = dict(zip(KEYPOINTS, np.reshape(annotate(canvas, person, 1)["keypoints"], (17, 3))))
    assert labels["left_hip"][2] == 2
    assert labels["left_knee"][2] == 1
    np.testing.assert_array_equal(labels["left_ankle"], 0)


@pytest.mark.parametrize("style", ["short", "long", "bun", "bald", "cap"])
def test_no_hair_covers_the_face_or_shows_it_from_behind(style):
    outfit = replace(random_outfit(np.random.default_rng(1)), hair_style=style)
    for heading, expected in ((FACING_CAMERA, 2), (FROM_BEHIND, 0)):
        person, canvas = stander(heading, (0, 2.5)), canvas_of()
        draw_figure(canvas, person, outfit, 1)
        labels = labelled(person, canvas)
        for name in ("nose", "left_eye", "right_eye"):
            assert labels[name][2] == expected


def test_someone_tiny_is_dropped():
    far, near = stander(FACING_CAMERA, (0, 12.0)), stander(FACING_CAMERA, (0, 9.0))
    canvas = canvas_of(far)
    seen = canvas.owner == 1
    assert seen.any(1).sum() >= 36 and seen.any(0).sum() >= 12 and seen.sum() < 400
    assert annotate(canvas, far, 1) is None
    assert annotate(canvas_of(near), near, 1) is not None


def test_eyes_are_drawn_where_they_are_labelled():
    person = stander(FACING_CAMERA, (0, 2.0))
    camera = Camera(240, 240, 900.0, person.joints["head"] * [1, 1, 0])
    canvas = canvas_of(person, camera=camera)
    labels = labelled(person, canvas)
    (lx, y, _), (rx, _, _) = labels["left_eye"], labels["right_eye"]
    row = canvas.picture[round(y)].mean(-1)
    assert row[round(lx)] < 40 and row[round(rx)] < 40
    assert row[round(lx) + 6] > 90 and row[round(rx) - 6] > 90  # the whites of the eyes


def test_front_and_back_look_different():
    front = stander(FACING_CAMERA, left_shoulder_open=0.4)
    back = stander(FROM_BEHIND, left_shoulder_open=0.4)
    pictures = [canvas_of(p).picture for p in (front, back)]
    centre, depth = camera_before().project(front.joints["head"])
    half = int(0.07 * 260 / depth)
    x, y = np.rint(centre).astype(int)
    heads = [p[y - half : y + half, x - half : x + half] for p in pictures]
    assert np.abs(heads[0] - heads[1]).mean() > 15


# --- parts ------------------------------------------------------------------------------------


def test_what_is_seen_of_a_joint_is_a_part_beside_it():
    beside = dict(
        nose=["head"],
        eye=["head"],
        ear=["head"],
        shoulder=["torso", "upper arm"],
        elbow=["upper arm", "lower arm"],
        wrist=["lower arm"],
        hip=["torso", "upper leg"],
        knee=["upper leg", "lower leg"],
        ankle=["lower leg"],
    )
    person = stander(FACING_CAMERA)
    canvas = canvas_of(person)
    for joint, (x, y, seen) in labelled(person, canvas).items():
        part = PARTS[canvas.part[round(y), round(x)]]
        assert seen == 2 and part in beside[joint.split("_")[-1]], joint


def test_parts_are_of_persons_only_and_nothing_in_front_of_them():
    person = stander(FACING_CAMERA)
    canvas = canvas_of(person)
    np.testing.assert_array_equal(canvas.part > 0, canvas.owner == 1)
    canvas.draw(Box(person.joints["chest"] + [0, 0, -0.5], (0.3, 0.3, 0.1)), GREY)
    np.testing.assert_array_equal(canvas.part > 0, canvas.owner == 1)
    assert (canvas.owner == -1).sum() > 500


# --- scenes -----------------------------------------------------------------------------------


def test_scenes_are_varied_and_mostly_visible():
    people, counts, facing = [], [], 0
    for i in range(60):
        image, parts, found = random_scene(np.random.SeedSequence((9, i)))
        assert image.dtype == np.uint8 and image.std() > 8
        assert parts.dtype == np.uint8 and parts.shape == image.shape[:2]
        counts.append(len(found))
        for entry in found:
            labels = np.reshape(entry["keypoints"], (17, 3))
            x, y, width, height = entry["bbox"]
            assert x >= 0 and x + width <= image.shape[1]
            assert y >= 0 and y + height <= image.shape[0]
            assert entry["area"] <= width * height
            assert (labels[labels[:, 2] == 0] == 0).all()
            people.append((height, labels[:, 2]))
            facing += labels[INDEX["nose"], 2] == 2
    visible = np.array([v for _, v in people])
    assert 1.3 < np.mean(counts) < 2.2 and max(counts) >= 3
    assert np.median([h for h, _ in people]) >= 110
    assert 0.6 < (visible == 2).mean() < 0.8
    assert 0.05 < (visible == 1).mean() < 0.2
    assert 0.55 < facing / len(people) < 0.85  # most face the camera, not all
