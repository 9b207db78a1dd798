"""Tests of the generator of synthetic people: camera, solids and bodies."""

import math

import cv2
import numpy as np
import pytest

from tasks.pose.coco import FLIP_PAIRS, KEYPOINTS, SKELETON
from tasks.pose.people.body import LIMITS, Build, pose, random_build
from tasks.pose.people.camera import Camera
from tasks.pose.people.labels import keypoint_position
from tasks.pose.people.poses import lowest, random_angles, random_skeleton
from tasks.pose.people.rotation import about_x, about_y
from tasks.pose.people.shapes import Box, Capsule


def test_coco_names_pair_left_with_right():
    assert len(KEYPOINTS) == 17 and len(SKELETON) == 19
    assert len(FLIP_PAIRS) == 8
    for left, right in FLIP_PAIRS:
        assert KEYPOINTS[left].replace("left", "right") == KEYPOINTS[right]


# --- camera -----------------------------------------------------------------------------------


def test_projection_agrees_with_opencv():
    rng = np.random.default_rng(0)
    camera = Camera(320, 240, 300.0, np.array([0.3, 1.7, -0.2]), pitch=0.3, roll=-0.1)
    points = rng.uniform((-1, 0, 3), (1, 2, 6), (50, 3))
    matrix = np.array([[300, 0, 159.5], [0, 300, 119.5], [0, 0, 1]], float)
    rotation, _ = cv2.Rodrigues(camera.rotation)
    shift = -camera.rotation @ camera.position
    expected, _ = cv2.projectPoints(points, rotation, shift, matrix, None)
    np.testing.assert_allclose(camera.project(points)[0], expected[:, 0], atol=1e-6)


def test_rays_lead_back_to_their_pixels():
    camera = Camera(64, 48, 70.0, np.array([0.3, 1.7, -0.2]), pitch=0.3, roll=-0.1)
    rays = camera.rays
    pixels, _ = camera.project(camera.position + 2.5 * np.moveaxis(rays, 0, -1).astype(float))
    x, y = np.meshgrid(np.arange(64), np.arange(48))
    np.testing.assert_allclose(pixels, np.stack([x, y], -1), atol=1e-3)


def test_roll_turns_the_picture_about_its_middle():
    camera = Camera(64, 48, 70.0, np.array([0, 1.5, 0]), pitch=0.4, roll=0.3)
    ahead = camera.position + 3 * np.array([0, -math.sin(0.4), math.cos(0.4)])
    np.testing.assert_allclose(camera.project(ahead)[0], camera.centre, atol=1e-9)


def test_camera_refuses_a_focal_length_of_zero():
    with pytest.raises(ValueError, match="focal"):
        Camera(10, 10, 0, np.zeros(3))


# --- solids -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stretch", [(1, 1, 1), (1.4, 1, 0.8)])
def test_capsule_is_the_union_of_the_balls_along_it(stretch):
    rng = np.random.default_rng(1)
    axes = about_y(0.7) @ about_x(0.4) if stretch != (1, 1, 1) else None
    eye = np.array([0, 1.0, 0])
    rays = Camera(40, 30, 30.0, eye).rays
    for _ in range(8):
        a, b = rng.uniform((-0.7, 0.6, 2), (0.7, 1.4, 4), (2, 3))
        ra, rb = rng.uniform(0.12, 0.4, 2)
        hits = Capsule(a, b, ra, rb, axes, stretch).cast(eye, rays)
        inward = (np.eye(3) if axes is None else axes) / np.array(stretch)
        d = np.einsum("ij,jhw->ihw", inward.T, rays.astype(float))
        nearest = np.full(hits.shape, np.inf)
        for s in np.linspace(0, 1, 1500):
            c = inward.T @ (a + s * (b - a) - eye)
            r = ra + s * (rb - ra)
            m, square = np.einsum("i,ihw->hw", c, d), (d * d).sum(0)
            h = m * m - square * (c @ c - r * r)
            t = np.where(h > 0, (m - np.sqrt(np.maximum(h, 0))) / square, np.inf)
            nearest = np.minimum(nearest, t)
        both = np.isfinite(hits) & np.isfinite(nearest)
        assert both.sum() > 20
        # Single pixels at the rim may fall to either side.
        assert (np.isfinite(hits) != np.isfinite(nearest)).sum() <= 2
        error = np.abs(hits[both] - nearest[both])
        assert error.max() < 0.02 and np.median(error) < 1e-4


def test_box_is_hit_on_its_faces():
    eye = np.zeros(3)
    box = Box((0, 0, 3), (1, 1, 1))
    rays = np.array([[0, 0, 1], [0, 0, -1], [0.6, 0, 0.8]], np.float32).T
    np.testing.assert_allclose(box.cast(eye, rays), [2.5, np.inf, np.inf], rtol=1e-6)
    normal = box.surface(eye, rays[:, :1], np.array([2.5])).normal[:, 0]
    np.testing.assert_allclose(normal, [0, 0, -1], atol=1e-6)


# --- body -------------------------------------------------------------------------------------


def test_bones_keep_their_lengths_in_all_poses():
    rng = np.random.default_rng(2)
    for _ in range(100):
        build = random_build(rng)
        joints = random_skeleton(rng, build, rng.uniform(0, 6))[0].joints
        for side in ("left_", "right_"):
            for a, b, length in (
                ("hip", "knee", build.thigh),
                ("knee", "ankle", build.shank),
                ("shoulder", "elbow", build.upper_arm),
                ("elbow", "wrist", build.forearm),
            ):
                measured = np.linalg.norm(joints[side + a] - joints[side + b])
                assert measured == pytest.approx(length, abs=1e-9)
        hips = np.linalg.norm(joints["left_hip"] - joints["right_hip"])
        assert hips == pytest.approx(2 * build.hip_half, abs=1e-9)


def test_joints_stay_within_their_limits():
    rng = np.random.default_rng(3)
    for _ in range(400):
        angles, _ = random_angles(rng)
        assert set(angles) == set(LIMITS)
        for name, (low, high) in LIMITS.items():
            assert low <= angles[name] <= high
        skeleton = pose(Build(), angles, rng.uniform(0, 6))
        joints, frames = skeleton.joints, skeleton.frames
        for side in ("left_", "right_"):
            # Knees bend backwards and elbows forwards only, by less than a fold.
            shank = frames[side + "thigh"].T @ (joints[side + "ankle"] - joints[side + "knee"])
            arm = frames[side + "upper_arm"].T @ (joints[side + "wrist"] - joints[side + "elbow"])
            assert shank[2] <= 1e-9 and arm[2] >= -1e-9
            assert shank[1] < 0.8 * np.linalg.norm(shank) and abs(shank[0]) < 1e-9
            assert arm[1] < 0.85 * np.linalg.norm(arm) and abs(arm[0]) < 1e-9


def test_a_pose_outside_of_the_limits_is_refused():
    with pytest.raises(ValueError, match="left_knee"):
        pose(Build(), {"left_knee": -0.2})
    with pytest.raises(ValueError, match="tail"):
        pose(Build(), {"tail": 0.1})


def test_people_stand_on_the_floor():
    rng = np.random.default_rng(4)
    for _ in range(50):
        skeleton, legs = random_skeleton(rng, random_build(rng), rng.uniform(0, 6))
        assert lowest(skeleton) > 0.05 if legs == "jump" else abs(lowest(skeleton)) < 1e-9


def test_a_straight_body_is_as_tall_as_its_build_says():
    build = Build()
    body = pose(build, {})
    head = keypoint_position(body, "nose")[0][1] - lowest(body)
    assert 0.88 * build.height < head < 0.97 * build.height
