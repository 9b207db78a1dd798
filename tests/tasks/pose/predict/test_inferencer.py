"""Which models can be used for prediction."""

import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from onnx import helper, numpy_helper

from bsam_suite.engine.config import load_config
from bsam_suite.errors import InputError
from bsam_suite.onnx.session import CONFIG
from bsam_suite.onnx.trace import Outputs, trace
from bsam_suite.onnx.write import write
from bsam_suite.quantization import calibrate, quantize, save_packed
from tasks.pose.predict.boxes import Box
from tasks.pose.predict.checkpoint_config import pose_config_of_checkpoint
from tasks.pose.predict.inferencer import Person, PoseInferencer

ROOT = Path(__file__).parents[4]
CONFIGS = sorted([*ROOT.glob("configs/pose/*_adam*.py"), *ROOT.glob("configs/*/pose_*_adam.py")])


@pytest.fixture
def changed(random_hrnet, tmp_path):
    """The random network's file with its config changed as text."""

    def change(old, new):
        content = torch.load(random_hrnet, weights_only=True)
        text = content["meta"]["cfg"]
        assert old in text
        content["meta"]["cfg"] = text.replace(old, new)
        torch.save(content, tmp_path / "changed.pth")
        return str(tmp_path / "changed.pth")

    return change


@pytest.mark.parametrize(
    "old, new, said",
    [
        (
            "test_evaluator",
            "other",
            "has no test_evaluator: give the config of a pose model by --config",
        ),
        ("data_mode='topdown'", "data_mode='bottomup'", "bottomup model: give a top-down"),
        (
            "type='PeopleDataset'",
            "type='CocoWholeBodyDataset'",
            "=17 .* describes 133 keypoints",
        ),
        (
            "type='SmallHRNet'",
            "type='TinyHRNet'",
            "sets 'model.backbone.type' to 'TinyHRNet', which",
        ),
        ("out_channels=17", "out_channels=5", "out_channels=5 .* describes 17 keypoints"),
        ("num_channels=(32", "num_channels=(16", "is of another model"),
        (
            "type='SmallHRNet'",
            "type='os.system'",
            "sets 'model.backbone.type' to 'os.system', which",
        ),
    ],
)
def test_other_models_are_refused(changed, old, new, said):
    with pytest.raises(InputError, match=said):
        PoseInferencer(changed(old, new))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_models_of_all_our_configs_are_taken(path):
    cfg = load_config(str(path))
    taken = pose_config_of_checkpoint(dict(meta=dict(cfg=cfg.pretty_text)), "a.pth")
    found = taken.model.get("model", taken.model).head
    wanted = dict(cfg.model.get("model", cfg.model).head)
    wanted.pop("init_cfg", None)
    assert found == wanted
    found, dataset = taken.test_dataloader.dataset, cfg.test_dataloader.dataset
    for step in dataset.pipeline:
        step.pop("backend_args", None)
    assert found.pipeline == dataset.pipeline
    assert found.metainfo.from_file.endswith("mmpose/.mim/configs/_base_/datasets/coco.py")


def test_pictures_are_let_go_once_persons_are_cut_out(random_hrnet):
    alive = []

    def persons():
        for number in range(6):
            image = np.zeros((64, 48, 3), np.uint8)
            alive.append(weakref.ref(image))
            yield Person(number, 1, image, Box((0, 0, 48, 64), 1.0))
            del image
            assert sum(picture() is not None for picture in alive) <= 1

    network = PoseInferencer(str(random_hrnet))
    assert [found["id"] for found in network.predict(persons())] == list(range(6))
    assert network.predict(iter([])) == []


def test_a_quantized_checkpoint(random_hrnet, tmp_path):
    content = torch.load(random_hrnet, weights_only=True)
    cfg = Config.fromstring(content["meta"]["cfg"], ".py")
    cfg.custom_imports.imports.append("tasks.quantization.register_all")
    quantizer = dict(type="LSQ", bit_width=8)
    quantization = dict(weight=quantizer, activation=quantizer)
    start = dict(quantization=quantization, checkpoint="http://127.0.0.1:9/float.pth")
    cfg.model = dict(type="Quantized", model=cfg.model, **start)
    model = MODELS.build(cfg.model.model)
    model.load_state_dict(content["state_dict"])
    model = quantize(model, **quantization).eval()
    inputs = torch.randn(2, 3, 128, 96)
    calibrate(Outputs(model), [inputs])
    path = str(tmp_path / "quantized.pth")
    torch.save(dict(meta=dict(cfg=cfg.pretty_text), state_dict=model.state_dict()), path)
    with torch.no_grad():
        found = Outputs(PoseInferencer(path)._model.cpu())(inputs)
        assert torch.equal(found, Outputs(model)(inputs))
        packed = str(tmp_path / "quantized.safetensors")
        save_packed(model, packed, cfg.pretty_text)
        assert torch.equal(Outputs(PoseInferencer(packed)._model.cpu())(inputs), found)
    other = str(tmp_path / "float.py")
    cfg.model = cfg.model.model
    cfg.dump(other)
    with pytest.raises(InputError, match="quantized.safetensors is of another model: backbone"):
        PoseInferencer(packed, other)
    bare = str(tmp_path / "bare.safetensors")
    save_packed(model, bare)
    with pytest.raises(InputError, match="bare.safetensors contains no config: .*--config"):
        PoseInferencer(bare)


def constant(shape):
    return numpy_helper.from_array(np.zeros(shape, np.float32))


def onnx_file(path, text, inputs=(("x", 1, [None, 3, None, None]),), outputs=((1, 17, 32, 24),)):
    """A network of these inputs (name, type, shape) whose outputs are constants of these shapes."""
    nodes = [
        helper.make_node("Constant", [], [f"y{i}"], value=constant(shape))
        for i, shape in enumerate(outputs)
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "other",
            [helper.make_tensor_value_info(*one) for one in inputs],
            [helper.make_tensor_value_info(f"y{i}", 1, s) for i, s in enumerate(outputs)],
        ),
        opset_imports=[helper.make_opsetid("", 21)],
        ir_version=10,
    )
    model.metadata_props.add(key=CONFIG, value=text)
    model.doc_string = " " * 10**6  # as large as a file with weights
    path.write_bytes(model.SerializeToString())
    return str(path)


@pytest.mark.parametrize(
    "changes, said",
    [
        (dict(outputs=[(1, 5, 32, 24)]), r"other.onnx is another network: .*\(1, 5, 32, 24\)"),
        (dict(outputs=[(1, 17, 16, 12)]), r"another network: .*\(1, 17, 16, 12\)"),
        (dict(outputs=[(1, 17, 32, 24), (1, 9)]), r"another network: .*\(1, 9\)"),
        (dict(outputs=[(1, 10)]), r"another network: .*\(1, 10\).*\(1, 17, 32, 24\)"),
        (
            dict(inputs=[("x", 1, [None, 3, 64, 64])]),
            r"takes inputs.*not \[1, 3, 128, 96\]",
        ),
        (dict(inputs=[("x", 1, [None, 80])]), r"takes inputs.*not \[1, 3, 128, 96\]"),
        (
            dict(inputs=[("x", 7, [None, 3, 128, 96])]),
            r"int64.* and not one tensor of floats",
        ),
        (
            dict(inputs=[("a", 1, [1]), ("b", 1, [1])]),
            r"takes a .*b .* and not one tensor of floats",
        ),
        (dict(text="model = dict(type='ImageClassifier')"), "ImageClassifier"),
        (dict(text="5"), "more than values"),
    ],
)
def test_onnx_files_of_other_networks(random_hrnet, tmp_path, changes, said, capfd):
    text = changes.pop("text", None) or torch.load(random_hrnet, weights_only=True)["meta"]["cfg"]
    path = onnx_file(tmp_path / "other.onnx", text, **changes)
    with pytest.raises(InputError, match=said) as refused:
        PoseInferencer(path)
    assert "\n" not in str(refused.value) and "onnxruntime" not in capfd.readouterr().err


@pytest.mark.parametrize("place", ["../secret.bin", "SECRET"])
def test_onnx_files_read_nothing_outside(random_hrnet, tmp_path, place):
    (tmp_path / "secret.bin").write_bytes(bytes(100))
    (tmp_path / "in").mkdir()
    tensor = constant((1, 17))
    tensor.ClearField("raw_data")
    tensor.name, tensor.data_location = "w", tensor.EXTERNAL
    tensor.external_data.add(
        key="location", value=place.replace("SECRET", str(tmp_path / "secret.bin"))
    )
    node = helper.make_node("Add", ["x", "w"], ["y"])
    value = helper.make_tensor_value_info
    inner = helper.make_graph(
        [node], "g", [value("x", 1, [1, 17])], [value("y", 1, [1, 17])], [tensor]
    )
    model = helper.make_model(inner, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    (tmp_path / "in/a.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="a.onnx cannot be read by ONNX Runtime: .*External data"):
        PoseInferencer(str(tmp_path / "in/a.onnx"))


def test_a_classifier_is_no_pose_model(random_hrnet, tmp_path):
    cfg = load_config(str(ROOT / "configs/classification/resnet18_sgd.py"))
    content = dict(meta=dict(cfg=cfg.pretty_text), state_dict={})
    torch.save(content, tmp_path / "classifier.pth")
    with pytest.raises(
        InputError, match="classifier.pth is of class ImageClassifier: give a top-down"
    ):
        PoseInferencer(str(tmp_path / "classifier.pth"))
    with pytest.raises(InputError, match="resnet18_sgd.py is of class ImageClassifier: give"):
        PoseInferencer(str(random_hrnet), cfg.filename)


def test_weights_alone_need_a_config(random_hrnet, tmp_path):
    content = torch.load(random_hrnet, weights_only=True)
    path = str(tmp_path / "weights.pth")
    torch.save(content["state_dict"], path)
    with pytest.raises(InputError, match="no config: .*--config FILE"):
        PoseInferencer(path)
    config = tmp_path / "config.py"
    config.write_text(content["meta"]["cfg"].replace("batch_size=64", "batch_size=3"))
    assert PoseInferencer(path, str(config)).batch_size == 3
    config.write_text("model = dict(type='A')")
    with pytest.raises(InputError, match="sets no test_dataloader, test_evaluator"):
        PoseInferencer(path, str(config))


def test_the_same_keypoints_from_onnx(random_hrnet, tmp_path):
    network = PoseInferencer(str(random_hrnet))
    text = torch.load(random_hrnet, weights_only=True)["meta"]["cfg"]
    graph = trace(Outputs(network._model.cpu()), torch.randn(2, 3, 128, 96), "a.onnx")
    exported = PoseInferencer(str(write(graph, tmp_path / "a.onnx", text)))
    assert exported._model.test_cfg.flip_test  # so that it runs twice

    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    boxes = [Box((0, 0, 120, 90), 1.0), Box((10, 5, 60, 80), 0.5), Box((40, 0, 90, 90), 0.5)]
    persons = [Person(i, 1, image, box) for i, box in enumerate(boxes)]
    for given in (persons, persons[1:2]):
        for found, wanted in zip(exported.predict(given), network.predict(given), strict=True):
            found, wanted = found["pred_instances"], wanted["pred_instances"]
            np.testing.assert_allclose(found["keypoints"], wanted["keypoints"], atol=0.01)
            assert found["keypoint_scores"] == pytest.approx(wanted["keypoint_scores"], rel=1e-3)

    bare = trace(Outputs(network._model), torch.randn(2, 3, 128, 96), "b.onnx")
    with pytest.raises(InputError, match="b.onnx .*no config: .*--config FILE"):
        PoseInferencer(str(write(bare, tmp_path / "b.onnx")))
