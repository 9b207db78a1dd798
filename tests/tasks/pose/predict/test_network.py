"""Which models can be used for prediction."""

import numpy as np
import pytest
import torch

from bsam_suite.errors import InputError
from bsam_suite.onnx.trace import Outputs, trace
from bsam_suite.onnx.write import write
from tasks.pose.predict.boxes import Box
from tasks.pose.predict.network import Network, Person


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
        ("test_evaluator", "other", "has no test_evaluator: give one by --config"),
        ("data_mode='topdown'", "data_mode='bottomup'", "is of a bottomup model: give a top-down"),
        (
            "type='AnyCategoryCocoDataset'",
            "type='AP10KDataset'",
            "is for 17 keypoints, L_Eye, .*: give a",
        ),
        ("type='AnyCategoryCocoDataset'", "type='CocoWholeBodyDataset'", "is for 133 keypoints"),
        ("type='SmallHRNet'", "type='TinyHRNet'", "cannot be built: .*TinyHRNet"),
        ("out_channels=17", "out_channels=5", "is of another model"),
        ("type='SmallHRNet'", "type='os.system'", "names os.system, which could run code"),
    ],
)
def test_other_models_are_refused(changed, old, new, said):
    with pytest.raises(InputError, match=said):
        Network(changed(old, new))


def test_weights_alone_need_a_config(random_hrnet, tmp_path):
    content = torch.load(random_hrnet, weights_only=True)
    path = str(tmp_path / "weights.pth")
    torch.save(content["state_dict"], path)
    with pytest.raises(InputError, match="holds no config: give it by --config FILE"):
        Network(path)
    config = tmp_path / "config.py"
    config.write_text(content["meta"]["cfg"].replace("batch_size=64", "batch_size=3"))
    assert Network(path, str(config)).batch_size == 3
    config.write_text("model = dict(type='A')")
    with pytest.raises(InputError, match="sets no test_dataloader, test_evaluator"):
        Network(path, str(config))


def test_the_same_keypoints_from_onnx(random_hrnet, tmp_path):
    network = Network(str(random_hrnet))
    text = torch.load(random_hrnet, weights_only=True)["meta"]["cfg"]
    graph = trace(Outputs(network._model.cpu()), torch.randn(2, 3, 128, 96), "a.onnx")
    exported = Network(str(write(graph, tmp_path / "a.onnx", text)))
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
    with pytest.raises(InputError, match="b.onnx holds no config: give it by --config FILE"):
        Network(str(write(bare, tmp_path / "b.onnx")))
