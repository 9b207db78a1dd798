"""Which models can be used for prediction."""

import pytest
import torch

from bsam_suite.errors import InputError
from tasks.pose.predict.network import Network


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
        ("type='CocoDataset'", "type='AP10KDataset'", "is for 17 keypoints, L_Eye, .*: give a"),
        ("type='CocoDataset'", "type='CocoWholeBodyDataset'", "is for 133 keypoints"),
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
