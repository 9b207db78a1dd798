"""Files of every kind, as both readers of folders give them: as OpenCV reads them, or refused."""

import re
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torchvision
from mmengine.registry import DATASETS
from PIL import Image

from bsam_suite.engine.config import load_config
from bsam_suite.errors import InputError
from tasks.classification import register_all  # noqa: F401
from tasks.classification.preflight import check_images

CONFIG = Path(__file__).parents[3] / "configs/classification/resnet18_bsam.py"

SIDE = 16
RAMP = np.tile(np.linspace(0, 65535, SIDE), (SIDE, 1))
GREY16 = RAMP.astype(np.uint16)
GREY = (GREY16 >> 8).astype(np.uint8)
COLOURS = np.stack([GREY, GREY.T, GREY[:, ::-1]], 2)
PALETTE = Image.fromarray(COLOURS).quantize(16)
FRAMES = [Image.fromarray(np.full((SIDE, SIDE, 3), value, np.uint8)) for value in (50, 200)]


def image(array, mode=None):
    return lambda path: Image.fromarray(array, mode).save(path)


def by_opencv(array):
    return lambda path: cv2.imwrite(str(path), array)


def frames(path):
    more = dict(lossless=True) if path.suffix == ".webp" else {}
    FRAMES[0].save(path, save_all=True, append_images=FRAMES[1:], **more)


def big_endian(path):
    """A TIFF of 16 bits, the upper byte first: header, pixels, and the tags 256 to 279."""
    pixels = GREY16.astype(">u2").tobytes()
    tags = {256: SIDE, 257: SIDE, 258: 16, 259: 1, 262: 1, 273: 8, 277: 1, 278: SIDE, 279: 512}
    entries = [struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in tags.items()]
    header = b"MM" + struct.pack(">HI", 42, 8 + len(pixels))
    path.write_bytes(header + pixels + struct.pack(">H", 9) + b"".join(entries) + bytes(4))


READ = {
    "grey16.png": image(GREY16),
    "grey16.tif": image(GREY16),
    "big_endian.tif": big_endian,
    "grey16.pgm": image(GREY16),
    "rgb16.png": by_opencv(np.stack([GREY16, GREY16.T, GREY16[::-1]], 2)),
    "grey.png": image(GREY),
    "bit1.png": image(RAMP > 30000),
    "bit1.tif": image(RAMP > 30000),
    "grey_alpha.png": image(np.stack([GREY, GREY.T], 2), "LA"),
    "rgba.png": image(np.dstack([COLOURS, GREY.T])),
    "rgba16.png": by_opencv(np.stack([GREY16, GREY16.T, GREY16, GREY16.T], 2)),
    "palette.png": PALETTE.save,
    "transparent.png": lambda path: PALETTE.save(path, transparency=3),
    "half_transparent.png": lambda path: PALETTE.save(path, transparency=bytes(range(16))),
    "cmyk.jpg": lambda path: Image.fromarray(COLOURS).convert("CMYK").save(path, quality=100),
    "animated.png": frames,
    "animated.webp": frames,
    "pages.tif": frames,
}


def one_class(folder):
    for split in ("train", "val"):
        (folder / split / "a").mkdir(parents=True)
    return folder


def read(root, kind, split="train"):
    """The image of the only file, (H, W, 3)."""
    data = DATASETS.build(dict(type=kind, data_root=str(root), split=split, size=SIDE))
    return data[0]["inputs"].permute(1, 2, 0).numpy()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", READ)
def test_as_opencv_reads_it(tmp_path, name):
    path = one_class(tmp_path) / "train/a" / name
    READ[name](path)
    expected = cv2.imread(str(path))[..., ::-1]
    assert expected.shape == (SIDE, SIDE, 3)
    found = read(tmp_path, "InMemoryImageFolder")
    assert np.abs(found.astype(int) - expected).max() <= (2 if name == "cmyk.jpg" else 0)
    # The other reader makes the short side 256/224 as long, and takes the centre.
    larger = Image.fromarray(found).resize((18, 18), Image.BILINEAR)
    assert np.array_equal(read(tmp_path, "LazyImageFolder"), np.asarray(larger)[1:-1, 1:-1])


ORIENTATIONS = {  # EXIF 2.32, 4.6.4: where the stored 0th row and 0th column are to be seen
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_upright_by_exif(tmp_path, orientation, ending):
    upright = np.zeros((SIDE, SIDE, 3), np.uint8)
    upright[: SIDE // 2] = (255, 0, 0)
    upright[: SIDE // 2, : SIDE // 2] = 255
    sides = ORIENTATIONS[orientation]
    stored = upright[::-1] if "bottom" in sides else upright
    stored = stored[:, ::-1] if "right" in sides else stored
    stored = stored.transpose(1, 0, 2) if sides[0] in ("left", "right") else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    exact = dict(jpg=dict(quality=100, subsampling=0), webp=dict(lossless=True)).get(ending, {})
    path = one_class(tmp_path) / f"train/a/0.{ending}"
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **exact)
    for kind in ("InMemoryImageFolder", "LazyImageFolder"):
        found = read(tmp_path, kind).astype(int)
        for y in (3, SIDE - 4):
            for x in (3, SIDE - 4):
                assert np.abs(found[y, x] - upright[y, x]).max() < 8


@pytest.mark.parametrize("cut", [3, 20, 24])
def test_damaged_exif_is_passed_by(tmp_path, cut):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = one_class(tmp_path) / "train/a/0.png"
    Image.fromarray(COLOURS).save(path, exif=exif.tobytes()[:cut])
    assert np.array_equal(read(tmp_path, "InMemoryImageFolder"), cv2.imread(str(path))[..., ::-1])


def huge(path):
    """60000 x 60000 pixels in its header."""

    def chunk(name, data):
        checksum = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + checksum

    header = struct.pack(">IIBBBBB", 60000, 60000, 1, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def cut(path):
    """A photo that was copied in part."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


REFUSED = {
    "float.tif": (image((RAMP / 65535).astype(np.float32)), "has floats"),
    "int32.tif": (image(RAMP.astype(np.int32)), "has 32-bit integers"),
    "bomb.png": (huge, "cannot be read .*3600000000 pixels"),
    "empty.jpg": (lambda path: path.touch(), "cannot be read"),
    "text.jpg": (lambda path: path.write_text("no image"), "cannot be read"),
    "cut.jpg": (cut, "cannot be read"),
    "cut.png": (cut, "cannot be read"),
    "cut.webp": (cut, "cannot be read"),
    "cut.tif": (cut, "cannot be read"),
    "float_rgb.tif": (by_opencv(np.ones((4, 4, 3), np.float32)), "cannot be read"),
}


@pytest.mark.parametrize("kind", ["InMemoryImageFolder", "LazyImageFolder"])
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_named_in_a_line(tmp_path, name, kind):
    path = one_class(tmp_path) / "train/a" / name
    make, says = REFUSED[name]
    make(path)
    with pytest.raises(InputError, match=rf"^{path} {says}") as refused:
        read(tmp_path, kind)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["InMemoryImageFolder", "LazyImageFolder"])
def test_no_damage_is_a_traceback(tmp_path, kind):
    """Bytes changed and cut by chance, in files of all formats: an image or an InputError."""
    random, root = np.random.default_rng(0), one_class(tmp_path)
    for name in ("grey16.png", "half_transparent.png", "cmyk.jpg", "grey16.tif", "animated.webp"):
        READ[name](root / "train/a" / name)
        content = (root / "train/a" / name).read_bytes()
        for _ in range(60):
            damaged = bytearray(content)
            for place in random.integers(0, len(damaged), 8):
                damaged[place] = random.integers(256)
            (root / "train/a" / name).write_bytes(damaged[: random.integers(1, 2 * len(damaged))])
            try:
                assert read(root, kind).shape == (SIDE, SIDE, 3)
            except InputError as error:
                assert str(error).startswith(str(root / "train/a" / name))
        (root / "train/a" / name).unlink()


@pytest.fixture
def littered(tmp_path):
    """Two classes of two images each, and what Jupyter, macOS, git and others leave behind."""
    root = tmp_path / "data"
    for split in ("train", "val"):
        for name in ("n01440764", "n02102040"):
            folder = root / split / name
            (folder / ".ipynb_checkpoints").mkdir(parents=True)
            (folder / "more").mkdir()
            for file in ("0.png", "more/1.png", ".ipynb_checkpoints/0-checkpoint.png", ".x.png"):
                Image.fromarray(COLOURS).save(folder / file)
            (folder / "._0.png").write_bytes(b"resource fork")
        for name in (".ipynb_checkpoints", ".git", ".thumbnails"):
            (root / split / name).mkdir()
            Image.fromarray(COLOURS).save(root / split / name / "0.png")
    return root


@pytest.mark.parametrize("kind", ["InMemoryImageFolder", "LazyImageFolder"])
def test_what_is_hidden_is_no_data(littered, kind):
    for name in ("data", ".hidden"):  # the folder itself may be
        littered = root = littered.rename(littered.with_name(name))
        data = DATASETS.build(dict(type=kind, data_root=str(root), split="train", size=SIDE))
        assert data.classes == ["n01440764", "n02102040"]
        assert data.labels.tolist() == [0, 0, 1, 1]
        cfg = load_config(str(CONFIG), dict(data_root=str(root)))
        assert cfg.model.net.type == "TorchvisionModel"  # the recipe for ImageNet


def test_the_config_sees_the_same_classes(littered, capsys):
    (littered / "train/n01440764/notes.txt").touch()
    (littered / "train/n01440764/old.gif").touch()
    cfg = load_config(str(CONFIG), dict(data_root=str(littered)))
    check_images(cfg)
    assert cfg.model.num_classes == 2
    (told,) = re.findall("^Skipped: (.*)$", capsys.readouterr().out, re.M)
    assert re.match(rf"2 files in {littered}/train .*(notes.txt|old.gif)$", told)


def test_a_folder_of_hidden_folders_has_no_classes(littered):
    for split in ("train", "val"):
        for name in ("n01440764", "n02102040"):
            (littered / split / name).rename(littered / split / f".{name}")
    with pytest.raises(InputError, match="no class folder in"):
        DATASETS.build(dict(type="InMemoryImageFolder", data_root=str(littered), split="train"))


def test_items_of_torchvision_are_read_alike(monkeypatch):
    exif = Image.Exif()
    exif[0x0112] = 3
    turned = Image.fromarray(COLOURS)
    turned.info["exif"] = exif.tobytes()
    items = [(Image.fromarray(GREY16), 1), (turned, 0)]
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", lambda: items)
    data = DATASETS.build(dict(type="TorchvisionDataset", name="CIFAR10"))
    assert np.array_equal(data.images[0], np.dstack([GREY] * 3))
    assert np.array_equal(data.images[1], COLOURS[::-1, ::-1])
    items[0] = Image.fromarray(RAMP.astype(np.float32)), 1
    with pytest.raises(InputError, match="image 0 of CIFAR10 .*floats"):
        DATASETS.build(dict(type="TorchvisionDataset", name="CIFAR10"))
