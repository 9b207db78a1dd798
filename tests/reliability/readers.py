"""What the suite reads from elsewhere: valid files, how they are changed, and what is made of them.

Each reader takes the way that a command takes, up to where the content has been used once.
"""

import copy
import io
import json
import random
import sys
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [path for path in (str(ROOT), str(Path(__file__).parent)) if path not in sys.path]

import cv2  # noqa: E402
import mutations as change  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import onnx.helper as make  # noqa: E402
import safetensors  # noqa: E402
import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.logging import MMLogger  # noqa: E402
from PIL import Image  # noqa: E402
from torch import nn  # noqa: E402

from bsam_suite.compat import import_mmpose  # noqa: E402
from bsam_suite.options import Typed  # noqa: E402

import_mmpose()
MMLogger.get_current_instance().setLevel("ERROR")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

import small_run  # noqa: E402
from mmpose.datasets import CocoDataset  # noqa: E402

from bsam_suite.compare.stages import Stages  # noqa: E402
from bsam_suite.compare.study import is_study, read_study  # noqa: E402
from bsam_suite.engine.check_config import check_config  # noqa: E402
from bsam_suite.engine.check_optim import check_optim_wrapper  # noqa: E402
from bsam_suite.engine.checkpoint import load_weights, read_checkpoint  # noqa: E402
from bsam_suite.engine.checkpoint_config import config_of_checkpoint  # noqa: E402
from bsam_suite.engine.config import merge_options  # noqa: E402
from bsam_suite.engine.resume import check_complete  # noqa: E402
from bsam_suite.errors import InputError  # noqa: E402
from bsam_suite.onnx.session import Session  # noqa: E402
from bsam_suite.quantization import calibrate, load_packed, quantize, save_packed  # noqa: E402
from bsam_suite.quantization.compiled import Compiled  # noqa: E402
from tasks.classification.rgb import open_image, to_rgb  # noqa: E402
from tasks.pose.category import keypoint_category  # noqa: E402
from tasks.pose.category_ids import keypoint_categories, of_categories  # noqa: E402
from tasks.pose.check.findings import Findings  # noqa: E402
from tasks.pose.check.image_files import _decode  # noqa: E402
from tasks.pose.check.kinds import KINDS  # noqa: E402
from tasks.pose.check.layout import Split  # noqa: E402
from tasks.pose.check.split import check_split  # noqa: E402
from tasks.pose.coco_files import read_annotations, read_results  # noqa: E402
from tasks.pose.dataset import AnyCategoryCocoDataset, read_detections  # noqa: E402
from tasks.pose.evaluate.ap import average_precision  # noqa: E402
from tasks.pose.evaluate.keypoints import score_keypoints  # noqa: E402
from tasks.pose.evaluate.nms import oks_nms  # noqa: E402
from tasks.pose.predict.boxes import boxes_from_file  # noqa: E402
from tasks.pose.predict.sources import open_inputs  # noqa: E402
from tasks.pose.skeleton import PERSON  # noqa: E402

Compiled.__call__ = lambda self, *arguments: self.plain(*arguments)  # nothing is compiled here


@dataclass(frozen=True)
class Reader:
    """A way of the suite to read files.

    Attributes:
        ending: of the files' names.
        seeds: makes contents of valid files in an empty folder.
        change: one of :mod:`mutations`; bytes of any reader's files are changed, too.
        parses: raises an error where the first parser, mostly of another library, refuses it.
        read: reads a file; what it raises other than an InputError is a finding.
    """

    ending: str
    seeds: Callable[[Path], list[bytes]]
    change: Callable[[bytes, random.Random], bytes]
    parses: Callable[[bytes], object]
    read: Callable[[Path], object]

    def mutant(self, content: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
        """``content``, or one of ``seeds`` where that cannot be taken apart, with changes."""
        if rng.random() < 0.1:
            content = rng.choice(seeds)
        for _ in range(rng.choice((1, 1, 2, 3))):
            way = change.changed_bytes if rng.random() < 0.12 else self.change
            try:
                content = way(content, rng)
            except change.NotWhole:
                content = rng.choice(seeds)
        return content


READERS: dict[str, Reader] = {}
PIXELS = (np.arange(16 * 12 * 3) ** 2 % 251).astype(np.uint8).reshape(16, 12, 3)


def person(number: int) -> dict:
    points = np.stack([np.arange(17) % 12, np.arange(17) % 16, np.arange(17) % 3], 1)
    box = dict(area=100.0, bbox=[1.0, 1.0, 10.0, 12.0], keypoints=points.ravel().tolist())
    return dict(id=number, image_id=number, category_id=1, iscrowd=0, num_keypoints=11, **box)


def annotations() -> dict:
    images = [dict(id=i, file_name=f"{i}.png", width=12, height=16) for i in (1, 2)]
    persons = [person(1), person(2)]
    return dict(images=images, annotations=persons, categories=[PERSON.category()])


@cache
def coco_folder(folder: Path) -> Path:
    """A set whose annotation file is the one that is read."""
    for number in (1, 2):
        Image.fromarray(PIXELS).save(folder / f"{number}.png")
    (folder / "truth.json").write_text(json.dumps(annotations()))
    return folder


@cache
def unloaded(kind: type, folder: Path):
    return kind(ann_file="a.json", data_prefix=dict(img=str(folder)), lazy_init=True, pipeline=[])


def loaded(kind: type, folder: Path, **files: str):
    """A data set of ``files``, without the tenth of a second that MMPose takes for keypoints."""
    data = copy.copy(unloaded(kind, folder))
    data.test_mode = "bbox_file" in files
    vars(data).update(files, serialize_data=False)  # that collects Python's garbage
    with redirect_stdout(None):
        data.full_init()
    return data


def coco_seeds(folder: Path) -> list[bytes]:
    fish = dict(id=3, name="fish", keypoints=["tip", "left_fin", "right_fin"], skeleton=[[1, 2]])
    fishes = dict(annotations(), categories=[fish])
    fishes["annotations"] = [
        dict(a, category_id=3, keypoints=a["keypoints"][:9]) for a in fishes["annotations"]
    ]
    return [json.dumps(content).encode() for content in (annotations(), fishes)]


def read_coco_set(path: Path) -> None:
    """As training and the report on a data set do, then as MMPose does where nothing stops it."""
    split, findings = Split(path.parent, path, coco_folder(path.parent)), Findings()
    check_split(split, findings)
    found = findings.all()
    for finding in found:
        str(finding.examples[0]), finding.examples[0].as_dict()
    if not any(KINDS[finding.kind].stops for finding in found):
        data = loaded(CocoDataset, path.parent, ann_file=str(path))
        data[0], data[len(data) - 1]
    keypoint_category(read_annotations(path, "bbox")["categories"], str(path))


READERS["coco"] = Reader(".json", coco_seeds, change.changed_json, json.loads, read_coco_set)


def result(number: int) -> dict:
    box = dict(keypoints=[3.0, 4.0, 0.5] * 17, bbox=[1.0, 2.0, 8.0, 9.0])
    return dict(image_id=number, category_id=1, score=0.75, **box)


def result_seeds(folder: Path) -> list[bytes]:
    plain = [{k: v for k, v in result(i).items() if k != "bbox"} for i in (1, 1, 2)]
    return [json.dumps(content).encode() for content in ([result(1), result(2)], plain)]


def read_pose_results(path: Path) -> None:
    """As ``tools/eval_pose.py`` does."""
    file = coco_folder(path.parent) / "truth.json"
    truth = read_annotations(file, "keypoints", "bbox", "area")
    found = read_results(path, [1, 2], "keypoints")
    found = of_categories(found, keypoint_categories(truth, file), path)
    found = oks_nms(found, 0.9)
    average_precision(truth, found, "pycocotools")
    scores = score_keypoints(truth, found)
    scores.by_keypoint(), scores.by_size()


READERS["results"] = Reader(
    ".json", result_seeds, change.changed_json, json.loads, read_pose_results
)


def detection_seeds(folder: Path) -> list[bytes]:
    found = [{k: v for k, v in result(i).items() if k != "keypoints"} for i in (1, 2, 2)]
    return [json.dumps(content).encode() for content in (found, annotations())]


def read_boxes(path: Path) -> None:
    """As ``tools/predict.py --boxes`` and a data set's ``bbox_file`` do."""
    boxes = boxes_from_file(path, [1, 2])
    boxes(1, PIXELS), boxes(2, PIXELS)
    file = coco_folder(path.parent) / "truth.json"
    if not isinstance(json.loads(path.read_bytes()), list):
        return
    read_detections(str(path), read_annotations(file), str(file))
    data = loaded(AnyCategoryCocoDataset, path.parent, ann_file=str(file), bbox_file=str(path))
    data[len(data) - 1]


READERS["detections"] = Reader(
    ".json", detection_seeds, change.changed_json, json.loads, read_boxes
)


def image_seeds(folder: Path) -> list[bytes]:
    made = []
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM"):
        for mode in ("RGB", "L", "P", "I;16", "CMYK", "RGBA"):
            file = io.BytesIO()
            picture = Image.fromarray(PIXELS)
            picture = (
                Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257)
                if mode == "I;16"
                else picture.convert(mode)
            )
            try:
                picture.save(file, kind, exif=exif) if mode == "RGB" else picture.save(file, kind)
            except (OSError, KeyError, ValueError):  # not all modes go into all formats
                continue
            made.append(file.getvalue())
    return made


def read_images(path: Path) -> None:
    """As classification, the report on a pose set and prediction do."""
    errors = []
    for read in (
        lambda: np.asarray(to_rgb(open_image(str(path)), str(path))),
        lambda: [image.image.shape for image in open_inputs([path])],
    ):
        try:
            read()
        except InputError as error:
            errors.append(error)
    _decode(path)
    if errors:
        raise errors[0]


def opens(content: bytes) -> None:
    Image.open(io.BytesIO(content))


READERS["images"] = Reader(".png", image_seeds, change.changed_image, opens, read_images)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.norm(self.conv(x).relu()).mean((2, 3)))


def quantized(bits: int) -> nn.Module:
    torch.manual_seed(0)
    kind = dict(type="LSQ", bit_width=bits, per_channel=bits == 4)
    return quantize(Net(), kind, dict(type="LSQ", bit_width=4), first_last_bit_width=None).eval()


CFG = "model = dict(type='Net', a=[1, 2.5, None])\ncustom_imports = dict(imports=['json'])\n"
INPUT = torch.linspace(-1, 1, 2 * 3 * 25).view(2, 3, 5, 5)


def packed_seeds(folder: Path) -> list[bytes]:
    made = []
    for bits in (4, 1):
        model = quantized(bits)
        calibrate(model, [INPUT])
        file = folder / f"seed{bits}.safetensors"
        save_packed(model, file, CFG)
        made.append(file.read_bytes())
        file.unlink()
    return made


@cache
def packed_model(bits: int) -> nn.Module:
    return quantized(bits)


def read_packed(path: Path) -> None:
    checkpoint = read_checkpoint(str(path))
    if checkpoint["meta"]["cfg"] is not None:
        config_of_checkpoint(checkpoint, str(path))
    model = packed_model(4)
    load_packed(model, path)
    model(INPUT)


def is_packed(content: bytes) -> None:
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert "__metadata__" in header
    safetensors.deserialize(content)


READERS["packed"] = Reader(
    ".safetensors", packed_seeds, change.changed_packed, is_packed, read_packed
)


def checkpoint_seeds(folder: Path) -> list[bytes]:
    from mmengine.logging import HistoryBuffer

    net, optimizer = Net(), torch.optim.Adam(Net().parameters())
    hub = dict(
        log_scalars={"train/loss": HistoryBuffer([0.5, 0.25], [1, 1])}, runtime_info=dict(iter=3)
    )
    meta = dict(
        cfg=CFG, epoch=1, iter=3, seed=0, experiment_name="a", dataset_meta=dict(classes=["a"])
    )
    whole = dict(meta=meta, state_dict=net.state_dict(), message_hub=hub)
    whole |= dict(optimizer=optimizer.state_dict(), param_schedulers=[dict(last_step=3)])
    made = []
    for content in (whole, net.state_dict(), dict(whole, message_hub={})):
        file = io.BytesIO()
        torch.save(content, file)
        made.append(file.getvalue())
    return made


@cache
def float_model() -> nn.Module:
    return Net().eval()


def read_pth(path: Path) -> None:
    """As training and prediction do."""
    checkpoint = read_checkpoint(str(path))
    errors = []
    for read in (
        lambda: check_complete(checkpoint, str(path)),
        lambda: config_of_checkpoint(checkpoint, str(path)),
    ):
        try:
            read()
        except InputError as error:
            errors.append(error)
    load_weights(float_model(), checkpoint, str(path))
    float_model()(INPUT)
    if errors:
        raise errors[0]


def is_zip(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert any(name.endswith("data.pkl") for name in file.namelist())


READERS["pth"] = Reader(".pth", checkpoint_seeds, change.changed_checkpoint, is_zip, read_pth)


def onnx_seeds(folder: Path) -> list[bytes]:
    floats, rng = onnx.TensorProto.FLOAT, np.random.default_rng(0)
    weights = {
        "w": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "s": np.float32([0.1]),
        "z": np.int8([0]),
        "m": rng.standard_normal((4, 3)).astype(np.float32),
    }
    nodes = [
        make.make_node("Conv", ["input", "w"], ["a"], kernel_shape=[3, 3]),
        make.make_node("QuantizeLinear", ["a", "s", "z"], ["q"], axis=0),
        make.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=0),
        make.make_node("Relu", ["d"], ["r"]),
        make.make_node("GlobalAveragePool", ["r"], ["g"]),
        make.make_node("Flatten", ["g"], ["f"], axis=1),
        make.make_node("MatMul", ["f", "m"], ["output"]),
    ]
    graph = make.make_graph(
        nodes,
        "net",
        [make.make_tensor_value_info("input", floats, ["N", 3, 5, 5])],
        [make.make_tensor_value_info("output", floats, ["N", 3])],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    make.set_model_props(model, {"mmengine_config": CFG})
    return [model.SerializeToString()]


def read_onnx(path: Path) -> None:
    session = Session(path)
    if session.config is not None:
        config_of_checkpoint(dict(meta=dict(cfg=session.config)), str(path))
    session(INPUT)


READERS["onnx"] = Reader(
    ".onnx", onnx_seeds, change.changed_onnx, onnx.load_model_from_string, read_onnx
)

SET = small_run.CONFIG.replace("EPOCHS", "2").replace("BATCH", "8")
OPTIONS = """optim_wrapper.optimizer.lr=1e-3
optim_wrapper.rho=0.05
optim_wrapper.optimizer.momentum=0.5
optim_wrapper.clip_grad.max_norm=1
train_dataloader.batch_size=4
train_dataloader.dataset.noise=0.5
train_dataloader.sampler.shuffle=False
train_cfg.max_epochs=3
default_hooks.checkpoint.save_best=mse
default_hooks.logger.interval=2
param_scheduler.0.factor=0.5
param_scheduler.1.end=9
custom_hooks.0.momentum=0.2
val_evaluator.prefix='a b'
randomness.seed=[1,2]
custom_hooks=[]
"""


@cache
def small_config() -> Config:
    return Config.fromstring(SET, ".py")


def option_seeds(folder: Path) -> list[bytes]:
    lines = OPTIONS.splitlines()
    small_config()
    return ["\n".join(lines[i : i + 4]).encode() for i in range(0, len(lines), 4)]


def pairs_of(content: bytes) -> dict[str, Typed]:
    """As :class:`bsam_suite.options.KeyValues` has them."""
    given = {}
    for line in content.decode(errors="surrogateescape").splitlines():  # as Python's sys.argv
        key, sign, value = line.partition("=")
        if not sign or not all(key.split(".")):
            raise InputError(f"{line!r} is not KEY=VALUE")
        given[key] = Typed(value)
    return given


def read_options(path: Path) -> None:
    """As ``tools/train.py --cfg-options`` does."""
    cfg = copy.deepcopy(small_config())
    merge_options(cfg, pairs_of(path.read_bytes()))
    check_optim_wrapper(cfg)
    check_config(cfg)


READERS["options"] = Reader(".txt", option_seeds, change.changed_options, pairs_of, read_options)


def plan_seeds(folder: Path) -> list[bytes]:
    (folder / "small.py").write_text(SET)
    config = str(folder / "small.py")
    lr = "optim_wrapper.optimizer.lr"
    methods = dict(
        sgd=dict(tune={lr: [0.1, 0.2]}),
        sam=dict(rule="SAM", tune=dict(rho=[0.05, 0.1]), settings={lr: 0.1}),
        x2=dict(epochs=2, choice_of="sgd"),
    )
    cells = [dict(name="a", config=config), dict(name="b", config=config, methods=["sam"], seeds=1)]
    cells[1] |= dict(choices_of="a", options={"train_cfg.max_epochs": 1})
    study = dict(metric="mse", higher=False, trials=2, tuning_seeds=1, validation=0.25)
    study |= dict(methods=methods, cells=cells, seeds=2, options={"train_dataloader.batch_size": 4})
    plain = dict(cells=[dict(config=config, seeds=2)], methods=dict(bsam=dict(rule="BSAM")))
    return [json.dumps(content).encode() for content in (study, plain)]


def read_plan(path: Path) -> None:
    """As ``tools/compare.py --report`` does."""
    out = path.parent / "out"
    if is_study(str(path)):
        stages = Stages(read_study(str(path)), out, out / "records", None)
        stages.test(stages.tune())


READERS["plans"] = Reader(".json", plan_seeds, change.changed_json, json.loads, read_plan)
