"""What a category or MMPose's metainfo says of keypoints."""

from pathlib import Path

import mmpose
import pytest

import tasks.pose.register_all  # noqa: F401
from bsam_suite.errors import InputError
from tasks.pose.category import category_skeleton, keypoint_category
from tasks.pose.coco import INDEX
from tasks.pose.metainfo import dataset_info_skeleton, full_dataset_info, metainfo_skeleton
from tasks.pose.skeleton import PERSON, default_sigmas
from tasks.pose.visualization import LEFT, MIDDLE, RIGHT, colour_of

SHIPPED = sorted((Path(mmpose.__file__).parent / ".mim/configs/_base_/datasets").glob("*.py"))
#: Of these some keypoints have numbers for names, which tell no side.
NUMBERED = "300vw 300w aflw coco_wholebody coco_wholebody_face coco_wholebody_openpose cofw "
NUMBERED += "deepfashion2 h3wb halpe lapa ubody2d ubody3d wflw"


def parsed_values(description):
    from mmpose.datasets.datasets.utils import parse_pose_metainfo

    return parse_pose_metainfo(description)


def parsed(path):
    return parsed_values(dict(from_file=str(path)))


def test_coco_s_person_is_mmpose_s():
    [path] = [path for path in SHIPPED if path.stem == "coco"]
    theirs = metainfo_skeleton(parsed(path))
    assert theirs.names == PERSON.names and theirs.flip_indices == PERSON.flip_indices
    assert theirs.links == PERSON.links and theirs.name == PERSON.name
    assert theirs.sigmas == pytest.approx(PERSON.sigmas)
    ours = parsed_values(PERSON.metainfo())
    for part in ("upper_body_ids", "lower_body_ids", "flip_pairs", "skeleton_links"):
        assert sorted(map(str, ours[part])) == sorted(map(str, parsed(path)[part])), part


def test_mirror_pairs_are_those_that_mmpose_lists():
    different = []
    for path in SHIPPED:
        theirs = metainfo_skeleton(parsed(path))
        ours = category_skeleton(dict(name=path.stem, keypoints=list(theirs.names)), "a.json")
        if ours.flip_indices != theirs.flip_indices:
            different.append(path.stem)
            # Never another pair, only fewer.
            for i, (a, b) in enumerate(zip(ours.flip_indices, theirs.flip_indices)):
                assert a in (i, b), path.stem
    assert different == NUMBERED.split() and len(SHIPPED) > 50


@pytest.mark.parametrize(
    "pair",
    ["left_eye/right_eye", "EyeLeft/EyeRight", "L_Eye/R_Eye", "eye.l/eye.r", "LEye/REye"]
    + ["EyeL/EyeR", "front-left 2/front-right 2", "LEFT EYE/RIGHT EYE"],
)
def test_spellings_of_left_and_right(pair):
    left, right = pair.split("/")
    found = category_skeleton(dict(name="cat", keypoints=[right, "nose", left]), "a.json")
    assert found.flip_pairs == [(0, 2)] and found.flip_indices == (2, 1, 0)
    assert colour_of(left) == LEFT and colour_of(right) == RIGHT
    assert colour_of(left, right) == colour_of("nose") == MIDDLE


@pytest.mark.parametrize(
    "names",
    [["k0", "k1"], ["one"], ["left_eye", "nose"], ["upright", "left", "l_arm"], ["ear", "tail"]],
)
def test_keypoints_without_a_mirror_image(names):
    found = category_skeleton(dict(name="cat", keypoints=names), "a.json")
    assert found.flip_indices == tuple(range(len(names))) and found.flip_pairs == []


def test_a_category_of_its_own():
    names = ["left_eye", "Right Eye", "tail"]
    entry = dict(name="cat", keypoints=names, skeleton=[[1, 2], [2, 3]])
    found = category_skeleton(entry, "a.json")
    assert found.names == tuple(names) and found.links == ((0, 1), (1, 2))
    assert found.sigmas == (0.025, 0.025, 0.05) and found.name == "cat"
    assert found.category()["skeleton"] == entry["skeleton"]
    from_zero = category_skeleton(dict(entry, skeleton=[[0, 1], [1, 2]]), "a.json")
    assert from_zero.links == found.links
    # As MMPose reads what is written for it.
    read = dataset_info_skeleton(found.metainfo(), "")
    assert read.names == found.names and read.flip_indices == found.flip_indices
    assert read.links == found.links and read.sigmas == pytest.approx(found.sigmas)
    spelt = dict(name="person", keypoints=[n.replace("_", " ").title() for n in PERSON.names])
    assert category_skeleton(spelt, "a.json") == PERSON


def test_default_sigmas_are_coco_s_where_it_has_the_keypoint():
    assert default_sigmas(["left_hip", "tail"]) == (PERSON.sigmas[INDEX["left_hip"]], 0.05)


@pytest.mark.parametrize(
    "change, said",
    [
        (dict(keypoints=["a", "b", "a"]), "'a' twice"),
        (dict(keypoints=["a", 2]), r"\['a', 2\]"),
        (dict(keypoints="a"), "'a'"),
        (dict(skeleton=[[1, 4]]), r"\[1, 4\]"),
        (dict(skeleton=[[0, 3]]), r"\[0, 3\]"),
        (dict(skeleton=[[1]]), r"\[\[1\]\]"),
        (dict(skeleton=3), "skeleton 3"),
    ],
)
def test_categories_that_are_refused(change, said):
    entry = dict(name="cat", keypoints=["a", "b", "c"]) | change
    with pytest.raises(InputError, match=f"'cat' of a.json .*{said}"):
        category_skeleton(entry, "a.json")


def test_one_category_has_the_keypoints():
    cat, box = dict(name="cat", keypoints=["a"]), dict(name="box")
    assert keypoint_category([box, cat, dict(cat, name="dog")], "a.json") == cat
    assert keypoint_category([box], "a.json") is None
    with pytest.raises(InputError, match="a.json: categories 'cat' and 'dog'"):
        keypoint_category([cat, dict(name="dog", keypoints=["b"])], "a.json")


CAT = category_skeleton(dict(name="cat", keypoints=["left_ear", "right_ear", "tail"]), "a.json")


def test_metainfo_goes_before_the_category(tmp_path):
    assert full_dataset_info({}, PERSON, "here") is None
    assert full_dataset_info({}, CAT, "here") == CAT.metainfo()
    changed = dataset_info_skeleton(
        full_dataset_info(dict(sigmas=[0.1, 0.2, 0.3]), CAT, "here"), "here"
    )
    assert changed.names == CAT.names and changed.sigmas == pytest.approx((0.1, 0.2, 0.3))
    # A file of the user's is taken in; of MMPose's own, which are everywhere, the name is enough.
    dog = dict(keypoint_info={0: dict(name="nose"), 1: dict(name="tail")}, sigmas=[])
    (tmp_path / "dog.py").write_text(f"dataset_info = {dog!r}")
    found = dataset_info_skeleton(
        full_dataset_info(dict(from_file=str(tmp_path / "dog.py")), CAT, "here"), ""
    )
    assert found.names == ("nose", "tail") and found.sigmas == pytest.approx((0.026, 0.05))
    shipped = dict(from_file="configs/_base_/datasets/coco_wholebody.py")
    assert full_dataset_info(dict(from_file="coco_wholebody.py"), CAT, "here") == shipped
    assert len(dataset_info_skeleton(shipped, "here").names) == 133
    hand = full_dataset_info(
        dict(from_file="onehand10k.py"), CAT, "here"
    )  # MMPose gives it no sigmas
    assert hand["sigmas"] == [0.05] * 21


@pytest.mark.parametrize(
    "given, said",
    [
        (dict(from_file="none.py"), "none.py"),
        (dict(from_file="text.py"), "text.py"),
        (dict(sigmas=[0.1]), r"sigmas is \[0.1\].* 3"),
        (dict(sigmas=0.1), "sigmas is 0.1"),
        (dict(sigmas=[0.1, 0, 0.1]), "sigmas has 0"),
        (dict(sigmas=[0.1, "a", float("nan")]), "sigmas has 'a'"),
        (dict(joint_weights=[1] * 4), r"joint_weights is \[1, 1, 1, 1\].* 3"),
        ("coco.py", "'coco.py'"),
        (dict(keypoint_info=[1]), r"\[1\]"),
        (dict(keypoint_info={0: dict(swap="b")}), "swap"),
    ],
)
def test_metainfo_that_is_refused(given, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("text.py").write_text("other = 1")
    with pytest.raises(InputError, match=f"here.*{said}"):
        full_dataset_info(given, CAT, "here")


def test_a_swap_of_nothing_is_refused():
    given = dict(keypoint_info={0: dict(name="a", swap="b")})
    with pytest.raises(InputError, match="here .*b"):
        dataset_info_skeleton(full_dataset_info(given, CAT, "here"), "here")
