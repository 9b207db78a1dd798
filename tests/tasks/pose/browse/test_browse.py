"""What the sheet of samples shows lies where the joints of the picture are."""

import json
from argparse import Namespace
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.runner import CheckpointLoader

from bsam_suite.errors import InputError
from tasks.pose.browse.command import HEIGHT, browse, draw_sample
from tasks.pose.browse.samples import load_samples
from tasks.pose.browse.targets import Distributions, Heatmaps
from tasks.pose.coco import INDEX
from tasks.pose.skeleton import PERSON
from tasks.pose.visualization import MIDDLE

CONFIG = str(Path(__file__).parents[4] / "configs/pose/hrnet-tiny_bsam_coco-128x96.py")
W32 = str(Path(__file__).parents[4] / "configs/pose/hrnet-w32_adam_coco-256x192.py")
SIMCC = """
_base_ = "mmpose::body_2d_keypoint/simcc/coco/simcc_res50_8xb64-210e_coco-256x192.py"
custom_imports = dict(imports=["tasks.pose.register_all"])
"""


@pytest.fixture
def marked(tmp_path):
    """Black images with a red dot at the person's nose, the one keypoint with a label."""
    rng, root = np.random.default_rng(0), tmp_path / "marked"
    for split in ("train", "val"):
        images, annotations = [], []
        (root / f"{split}2017").mkdir(parents=True)
        for number in range(1, 9):
            x, y = (int(v) for v in rng.integers((140, 130), (260, 270)))
            picture = np.zeros((400, 400, 3), np.uint8)
            cv2.circle(picture, (x, y), 6, (0, 0, 255), -1, cv2.LINE_AA)
            cv2.imwrite(str(root / f"{split}2017/{number}.png"), picture)
            images.append(dict(id=number, file_name=f"{number}.png", width=400, height=400))
            person = dict(id=number, image_id=number, category_id=1, iscrowd=0, area=1e4)
            person |= dict(num_keypoints=1, bbox=[100, 80, 200, 240])
            annotations.append(person | dict(keypoints=[x, y, 2] + [0] * 48))
        (root / "annotations").mkdir(exist_ok=True)
        (root / f"annotations/person_keypoints_{split}2017.json").write_text(
            json.dumps(dict(images=images, annotations=annotations, categories=[PERSON.category()]))
        )
    return root


def load(config, root, split="train", number=8):
    return load_samples(config, split, number, dict(data_root=str(root)))


def middle(weight):
    """(2,) x, y of the centre of mass."""
    rows, columns = np.indices(weight.shape)
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


# MSRAHeatmap, of the larger config, draws at the nearest whole cell.
@pytest.mark.parametrize(("config", "exact"), [(CONFIG, 0), (W32, 0.5)], ids=["UDP", "MSRA"])
def test_joint_and_heatmap_lie_on_the_dot(config, exact, marked):
    samples = load(config, marked)
    assert len({s.name for s in samples}) == 8 and any("mirrored" in s.name for s in samples)
    assert any("deg" in s.name for s in samples)
    seen = 0
    for sample in samples:
        assert isinstance(sample.targets, Heatmaps)
        scale = HEIGHT / sample.image.shape[0]
        red = sample.image[:, :, 2].astype(float)
        if red[[0, -1]].any() or red[:, [0, -1]].any() or not red.any():
            continue  # cut at the edge
        seen += 1
        dot = middle(red)
        tile = draw_sample(sample).astype(int)
        width = round(sample.image.shape[1] * scale)
        assert tile.shape == (HEIGHT, 2 * width, 3)
        left, right = tile[:, :width], tile[:, width:]
        joint = middle((abs(left - MIDDLE) < 40).all(2))  # the nose's colour
        # The dot has no green; the heatmap has as much of it as it has of the nose's colour.
        heat = right[:, :, 1].astype(float)
        peak = np.argwhere(heat == heat.max())[:, ::-1].mean(0)
        drawn = (dot + 0.5) * scale - 0.5
        assert abs(joint - drawn).max() < 0.5
        cell = sample.image.shape[0] / sample.targets.maps.shape[1] * scale
        assert abs(middle(heat) - drawn).max() < exact * cell + 0.1
        assert abs(peak - drawn).max() <= cell / 2
        assert heat.max() > 0.6 * MIDDLE[1]
    assert seen >= 4


def test_distributions_lie_on_the_dot(marked, tmp_path):
    (tmp_path / "simcc.py").write_text(SIMCC)
    seen = 0
    for sample in load(str(tmp_path / "simcc.py"), marked):
        assert isinstance(sample.targets, Distributions)
        dot = middle(sample.image[:, :, 2])
        if not (30 < dot[0] < 140 and 30 < dot[1] < 200):
            continue  # cut at the edge, or where the two curves meet
        seen += 1
        curves = draw_sample(sample)[:, 192:, 1] > 100
        below, beside = np.argwhere(curves[:, :150]), np.argwhere(curves[:210])
        assert abs(below[below[:, 0] == below[:, 0].min(), 1].mean() - dot[0]) < 1
        assert abs(beside[beside[:, 1] == beside[:, 1].min(), 0].mean() - dot[1]) < 1
    assert seen >= 4


def test_validation_has_keypoints_only(marked):
    samples = load(CONFIG, marked, "val", number=3)
    assert [s.name for s in samples] == ["1", "5", "8"]  # evenly, and not augmented
    assert all(s.targets is None for s in samples)
    for sample in samples:
        assert abs(middle(sample.image[:, :, 2]) - sample.keypoints[INDEX["nose"], :2]).max() < 0.5
        assert (sample.keypoints[:, 2] > 0).sum() == 1
    assert draw_sample(samples[0]).shape == (HEIGHT, 192, 3)


def test_neither_weights_nor_detections_are_needed(marked, tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(CheckpointLoader, "load_checkpoint", lambda *a, **k: fetched.append(a))
    assert len(load(W32, marked)) == 8 and not fetched
    (tmp_path / "simcc.py").write_text(SIMCC)  # its validation set is of detected boxes
    [sample] = load(str(tmp_path / "simcc.py"), marked, "val", number=1)
    assert abs(middle(sample.image[:, :, 2]) - sample.keypoints[0, :2]).max() < 0.5


def test_the_same_samples_again(marked):
    first, again = load(CONFIG, marked), load(CONFIG, marked)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, again))


def test_one_sheet_of_all(marked, tmp_path, capsys):
    options = dict(data_root=str(marked))
    args = Namespace(config=CONFIG, split="val", number=100, cfg_options=options)
    args.out = tmp_path / "sheets/val.jpg"
    assert browse(args) == args.out
    assert "Only keypoints are drawn" in capsys.readouterr().out
    assert cv2.imread(str(args.out)).shape == (2 * 276 + 4, 4 * 196 + 4, 3)  # of eight persons
    args.number = 0
    with pytest.raises(InputError, match="--number 0: give a number from 1"):
        browse(args)
    args.number, args.out = 1, tmp_path / "sheet.txt"
    with pytest.raises(InputError, match="give a name that ends in .png or .jpg"):
        browse(args)


def test_what_cannot_be_drawn_is_refused(marked, tmp_path):
    (tmp_path / "none.py").write_text("model = dict()\ntrain_dataloader = None\n")
    with pytest.raises(InputError, match="sets no train_dataloader.dataset.pipeline"):
        load_samples(str(tmp_path / "none.py"), "train", 4, None)
    (tmp_path / "plain.py").write_text(
        f"_base_ = {CONFIG!r}\n"
        "train_dataloader = dict(dataset=dict(pipeline=[dict(type='LoadImage')]))\n"
    )
    with pytest.raises(InputError, match="cropped by TopdownAffine"):
        load(str(tmp_path / "plain.py"), marked)
    file = marked / "annotations/person_keypoints_train2017.json"
    content = json.loads(file.read_text())
    for annotation in content["annotations"]:
        annotation["num_keypoints"] = 0
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match="tools/check_dataset.py .*marked"):
        load(CONFIG, marked)


def test_a_damaged_image_is_named_and_blank(marked, capsys):
    (marked / "train2017/3.png").write_bytes(b"no image")
    samples = load(CONFIG, marked)
    assert "sample 2 of" in capsys.readouterr().out
    blank = [i for i, sample in enumerate(samples) if len(np.unique(draw_sample(sample))) == 1]
    assert blank == [2] and "sample 2" in samples[2].name
    for file in (marked / "train2017").iterdir():
        file.write_bytes(b"no image")
    with pytest.raises(InputError, match="sample 7 of .*check_dataset.py .*marked"):
        load(CONFIG, marked)
