"""Float models as ONNX: ONNX Runtime computes what PyTorch does."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS
from onnx import TensorProto, helper, numpy_helper

from bsam_suite.compat import patch_mmengine
from bsam_suite.engine.config import load_config
from bsam_suite.engine.trained import load_trained, validation_inputs, validation_loader
from bsam_suite.errors import InputError
from bsam_suite.onnx import command
from bsam_suite.onnx.describe import describe
from bsam_suite.onnx.session import Session
from bsam_suite.onnx.trace import Outputs, trace

CONFIG = "configs/classification/resnet18_sgd.py"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A random ResNet-18 of width 8 for digits, with statistics that are not the first ones."""
    patch_mmengine()
    torch.manual_seed(0)
    model = MODELS.build(load_config(CONFIG, OPTIONS).model).train()
    model(torch.randn(64, 3, 16, 16), None)
    file = tmp_path_factory.mktemp("checkpoint") / "a.pth"
    torch.save(dict(state_dict=model.state_dict()), file)
    return str(file)


@pytest.fixture(scope="module")
def exported(checkpoint):
    """It as an ONNX file, and what the export said."""
    file = Path(checkpoint).with_suffix(".onnx")
    return file, command.export(CONFIG, checkpoint, str(file), 2, OPTIONS)


OPTIONS = {"model.net.width": 8}


def test_a_classifier(checkpoint, exported):
    file, text = exported
    assert text.endswith(" on 360 inputs") and f"{file.stat().st_size:,}" in text
    session = Session(file)
    assert "width=8" in session.config
    cfg, model = load_trained(CONFIG, checkpoint, OPTIONS)
    assert not model.training
    (x,) = validation_inputs(model, validation_loader(cfg), 1)  # pixels have a mean of 0.3
    assert x.mean().abs() < 0.1 and x.std() == pytest.approx(1, abs=0.1)
    model = MODELS.build(load_config(CONFIG, OPTIONS).model).double().eval()
    model.load_state_dict(torch.load(checkpoint)["state_dict"])
    for n in (1, 5):
        x = torch.randn(n, 3, 16, 16)
        torch.testing.assert_close(session(x).double(), model(x.double()), rtol=0, atol=1e-5)


def test_what_the_file_says_of_itself(checkpoint, exported):
    """By its metadata alone, NumPy and ONNX Runtime give the model's answers to raw images."""
    session = onnxruntime.InferenceSession(exported[0])
    about = session.get_modelmeta().custom_metadata_map
    said = {key: json.loads(value) for key, value in about.items() if key != "mmengine_config"}
    assert said["input_size"] == [16, 16] and said["input_channels"] == "RGB"
    assert said["classes"] == [str(i) for i in range(10)]
    assert said["output"].startswith("scores of classes (N, C)")
    cfg, model = load_trained(CONFIG, checkpoint, OPTIONS)
    raw = next(iter(validation_loader(cfg)))
    images = raw["inputs"].numpy().transpose(0, 2, 3, 1).astype(np.float32)  # (N, H, W, RGB)
    images = (images - np.float32(said["input_mean"])) / np.float32(said["input_std"])
    scores = session.run(None, {"input": images.transpose(0, 3, 1, 2)})[0]
    with torch.no_grad():
        wanted = model(**model.data_preprocessor(raw, False), mode="tensor")
    assert wanted.std(0).max() > 0.1  # the images matter
    torch.testing.assert_close(torch.from_numpy(scores), wanted, rtol=0, atol=1e-3)


def test_no_word_of_the_machine(exported):
    """Neither stack traces nor folders; nor anything else but what is needed and the metadata."""
    content = exported[0].read_bytes()
    for word in (str(Path(__file__).parents[3]), "site-packages", "stack_trace", ".py", "File "):
        assert word.encode() not in content.replace(b".py'", b""), word  # as in the config
    model = onnx.load(exported[0])
    parts = [model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input]
    parts += [*model.graph.initializer, *model.graph.output, *model.functions]
    assert not any(part.doc_string or part.metadata_props for part in parts)
    assert {entry.key for entry in model.metadata_props} >= {"mmengine_config", "input_mean"}


@pytest.mark.parametrize(
    "preprocessor, channels",
    [
        (dict(bgr_to_rgb=True), "RGB"),
        (dict(bgr_to_rgb=False), "BGR"),
        (dict(), "BGR"),
    ],
)
@pytest.mark.parametrize("quantized", [False, True])
def test_channels_of_openmmlabs_preprocessors(preprocessor, channels, quantized):
    preprocessor.update(type="mmengine.ImgDataPreprocessor", mean=[1.0, 2.0, 3.0], std=[4.0] * 3)
    model = torch.nn.Module()
    model.data_preprocessor = MODELS.build(preprocessor)
    codec = dict(type="SimCCLabel", input_size=(6, 8))
    fields = dict(data_preprocessor=preprocessor, head=dict(decoder=codec))
    pipeline = [dict(type="LoadImage"), dict(type="GetBBoxCenterScale", padding=1.1)]
    cfg = Config(
        dict(
            model=dict(type="Quantized", model=fields) if quantized else fields,
            val_dataloader=dict(dataset=dict(pipeline=pipeline)),
        )
    )
    outputs = torch.zeros(2, 2, 12), torch.zeros(2, 2, 16)
    names = dict(keypoint_id2name={1: "tail", 0: "nose"})
    about = describe(cfg, model, torch.zeros(2, 3, 8, 6), outputs, names)
    assert {key: json.loads(value) for key, value in about.items()} == dict(
        input_channels=channels,
        input_size=[6, 8],
        input_mean=[1.0, 2.0, 3.0],
        input_std=[4.0] * 3,
        pipeline=pipeline,
        codec=dict(type="SimCCLabel", input_size=[6, 8]),
        keypoints=["nose", "tail"],
        output="scores of x and of y (N, K, L), a keypoint where both are largest",
    )


def test_a_file_of_another_network(tmp_path):
    """Other inputs, several inputs, integers, a file that runs into an error: a line each."""

    def file(kinds, shape=(None, 3, 4, 4)):
        ends = [helper.make_tensor_value_info(f"x{i}", k, shape) for i, k in enumerate(kinds)]
        out = helper.make_tensor_value_info("y", kinds[0], None)
        graph = helper.make_graph(
            [helper.make_node("Max", [end.name for end in ends], ["y"])], "g", ends, [out]
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
        onnx.save(model, tmp_path / "b.onnx")
        return tmp_path / "b.onnx"

    floats, x = TensorProto.FLOAT, torch.randn(2, 3, 4, 4)
    assert torch.equal(Session(file([floats]))(x), x)
    for inputs in (torch.randn(2, 3, 4, 5), torch.randn(2, 4, 4), torch.randn(2, 1, 4, 4)):
        with pytest.raises(InputError, match=r"b.onnx takes inputs of the shape .* not \[2, "):
            Session(file([floats]))(inputs)
    for kinds in ([floats, floats], [TensorProto.INT64]):
        with pytest.raises(InputError, match="b.onnx takes x0 tensor.* not one tensor of floats"):
            Session(file(kinds))
    reshaped = file([floats])
    model = onnx.load(reshaped)
    model.graph.node[0].op_type = "Reshape"
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, 48]), "shape"))
    model.graph.node[0].input.append("shape")
    onnx.save(model, reshaped)
    assert Session(reshaped)(x[:1]).shape == (1, 48)
    with pytest.raises(InputError, match="b.onnx cannot be run on inputs of the shape") as raised:
        Session(reshaped)(x)
    assert "\n" not in str(raised.value)
    for content in (b"", b"\x08", reshaped.read_bytes()[:-40]):
        reshaped.write_bytes(content)
        with pytest.raises(InputError, match="b.onnx cannot be read by ONNX Runtime") as raised:
            Session(reshaped)
        assert "\n" not in str(raised.value)


class Pair(torch.nn.Module):
    def forward(self, inputs, data_samples, mode):
        return inputs.sum(1), inputs * torch.tensor([[2.0], [3.0]])


def test_several_outputs(tmp_path):
    x = torch.randn(3, 2, 4)
    onnx.save(trace(Outputs(Pair()), x, "a"), tmp_path / "a.onnx")
    found = Session(tmp_path / "a.onnx")(x[:1])
    assert Session(tmp_path / "a.onnx").config is None
    wanted = (x[:1].sum(1), torch.stack([2 * x[:1, 0], 3 * x[:1, 1]], 1))
    torch.testing.assert_close(found, wanted)
    assert command.difference((wanted[0], wanted[1] + 0.1), wanted) == pytest.approx(
        0.1 / wanted[1].abs().max().item()
    )


def test_what_is_refused(checkpoint, tmp_path):
    def refused(match, out="b.onnx", batches=1, path=checkpoint):
        with pytest.raises(InputError, match=match):
            command.export(CONFIG, path, str(tmp_path / out), batches, OPTIONS)
        assert not (tmp_path / "b.onnx").exists()

    refused("give a name that ends in .onnx", out="b.pth")
    refused("--batches 0", batches=0)
    refused("a.pth exists|ends in .onnx", out="a.pth")
    refused("does not exist", path=str(tmp_path / "none.pth"))
    torch.save(dict(state_dict={}), tmp_path / "other.pth")
    refused("other.pth is of another model", path=str(tmp_path / "other.pth"))
    (tmp_path / "mine.onnx").write_bytes(b"mine")
    refused("mine.onnx exists", out="mine.onnx", path=str(tmp_path / "none.pth"))  # before work
    with pytest.raises(InputError, match="mine.onnx cannot be read by ONNX Runtime"):
        Session(tmp_path / "mine.onnx")


def test_a_file_that_computes_otherwise_is_refused(checkpoint, tmp_path, monkeypatch):
    """The first layer's weights are a tenth of a percent larger in it."""

    def bent(*args):
        found = trace(*args)
        weight = next(tensor for tensor in found.graph.initializer if len(tensor.dims) == 4)
        larger = onnx.numpy_helper.to_array(weight) * np.float32(factor)
        weight.CopyFrom(onnx.numpy_helper.from_array(larger, weight.name))
        return found

    monkeypatch.setattr(command, "trace", bent)
    factor = 1 + 1e-3
    with pytest.raises(InputError, match=r"ONNX Runtime is off by [1-9]\.\de-0[34]"):
        command.export(CONFIG, checkpoint, str(tmp_path / "b.onnx"), 1, OPTIONS)
    assert not (tmp_path / "b.onnx").exists()
    factor = 1.0
    command.export(CONFIG, checkpoint, str(tmp_path / "b.onnx"), 1, OPTIONS)


def test_text_that_is_no_utf_8_is_refused(tmp_path):
    """As a name of the input, or in what a file says of itself."""
    floats = TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, floats, ["N"]) for name in ("input", "output")]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["input"], ["output"])], "g", *map(list, zip(ends))
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"key": "value"})
    content = model.SerializeToString()
    assert Session(content).about == dict(key="value")
    for name in (b"input", b"value"):
        file = tmp_path / "a.onnx"
        file.write_bytes(content.replace(name, b"\xff" * 5))
        with pytest.raises(InputError, match="a.onnx cannot be read by ONNX Runtime"):
            Session(file)
