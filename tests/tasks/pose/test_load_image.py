"""Images are read as MMPose reads them; what is not whole is refused, by name."""

import shutil

import cv2
import numpy as np
import pytest
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from PIL import Image
from torch.utils.data import default_collate

import tasks.pose.register_all  # noqa: F401  MMPose can be imported
from bsam_suite.engine.checked_batches import CheckedBatches, checked
from bsam_suite.errors import UnreadableFile
from tasks.pose.load_image import LoadImage, LoadWholeImage


@pytest.fixture
def picture():
    x, y = np.mgrid[:80, :120]
    return np.stack([x, y, (x * y) % 256], 2).astype(np.uint8)


@pytest.mark.parametrize("how", [{}, dict(to_float32=True), dict(color_type="grayscale")])
@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_what_is_whole_is_read_as_by_mmpose(tmp_path, picture, ending, how):
    path = str(tmp_path / f"a.{ending}")
    cv2.imwrite(path, picture)
    ours, theirs = (kind(**how)(dict(img_path=path)) for kind in (LoadWholeImage, LoadImage))
    assert ours.keys() == theirs.keys()
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert ours["img"].dtype == theirs["img"].dtype


def test_an_image_that_is_there_is_not_read(picture):
    assert LoadWholeImage()(dict(img=picture))["img"] is picture


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_refused_wherever_it_is_cut(tmp_path, picture, progressive):
    """Also one with a small picture in its head, which has an end of its own."""
    small, file, whole = tmp_path / "small.jpg", tmp_path / "cut.jpg", tmp_path / "whole.jpg"
    Image.fromarray(picture[:8, :8]).save(small)
    exif = b"Exif\0\0" + small.read_bytes()
    Image.fromarray(picture).save(whole, exif=exif, progressive=progressive, quality=90)
    content = whole.read_bytes()
    for trailing in (b"", b"\0\0", b"other data\xff"):
        file.write_bytes(content + trailing)
        assert LoadWholeImage()(dict(img_path=str(file)))["img"].shape == (80, 120, 3)
    for end in range(0, len(content) - 1, 97):
        file.write_bytes(content[:end])
        with pytest.raises(UnreadableFile, match=f"^{file} cannot be read"):
            LoadWholeImage()(dict(img_path=str(file)))


def test_other_damage_is_refused(tmp_path, picture):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), picture)
    path.write_bytes(path.read_bytes()[:100])
    for file in (path, tmp_path / "none.png", tmp_path):
        with pytest.raises(UnreadableFile, match=f"^{file} cannot be read.*remove") as refused:
            LoadWholeImage()(dict(img_path=str(file)))
        assert refused.value.filename == str(file)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_coco_set_is_trained_on_without_its_damaged_images(people, tmp_path, workers):
    root = tmp_path / "set"
    shutil.copytree(people, root)
    steps = [dict(type="LoadWholeImage"), dict(type="GetBBoxCenterScale")]
    steps += [dict(type="TopdownAffine", input_size=(16, 24)), dict(type="PackPoseInputs")]
    data = dict(
        type="CocoDataset",
        data_root=str(root),
        ann_file="annotations/person_keypoints_train2017.json",
        data_prefix=dict(img="train2017/"),
        pipeline=steps,
        _scope_="mmpose",
    )
    count = len(DATASETS.build(data))
    loader = Runner.build_dataloader(
        dict(
            batch_size=4,
            num_workers=workers,
            dataset=data,
            sampler=dict(type="DefaultSampler", shuffle=False),
            collate_fn=dict(type="pose_collate"),
        ),
        seed=0,
    )
    cut, gone = sorted((root / "train2017").iterdir())[:2]
    cut.write_bytes(cut.read_bytes()[:500])
    gone.unlink()
    with checked(loader, 2):
        batches = iter(loader)
    assert loader.dataset.__class__.__name__ == "CocoDataset"
    damaged, seen = {}, []
    for batch, found in batches:
        damaged |= found
        seen += [sample.img_path for sample in batch["data_samples"]]
    assert damaged.keys() == {str(cut), str(gone)}
    assert "decode" in damaged[str(cut)] and "No such file" in damaged[str(gone)]
    assert len(seen) == count and not {*seen} & {*damaged}


def test_validation_reads_by_mmpose_and_names_the_file(people, tmp_path):
    data = DATASETS.build(
        dict(
            type="CocoDataset",
            _scope_="mmpose",
            data_root=str(people),
            ann_file="annotations/person_keypoints_val2017.json",
            data_prefix=dict(img=str(tmp_path)),
            pipeline=[dict(type="LoadImage")],
        )
    )
    found = CheckedBatches(data, default_collate, 0).__getitems__([0])
    assert found.batch is None and list(found.damaged) == [data.get_data_info(0)["img_path"]]
