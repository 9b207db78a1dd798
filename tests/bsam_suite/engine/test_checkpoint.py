"""Weights go into a model under the names that MMEngine would find for them."""

import copy

import pytest
import torch
from mmengine.runner.checkpoint import load_checkpoint
from torch import nn

from bsam_suite.engine.checkpoint import load_weights, read_checkpoint
from bsam_suite.errors import InputError


class Net(nn.Module):
    """Renames the head of older versions, as MMPose's estimators do."""

    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
        self.head = nn.Linear(2, 1)
        self._register_load_state_dict_pre_hook(self._rename)

    def _rename(self, state, prefix, *args):
        for name in list(state):
            if name.startswith("keypoint_head."):
                state[name.replace("keypoint_head.", "head.")] = state.pop(name)
            if name.startswith("data_preprocessor."):
                state.pop(name)


def variants(state):
    yield "as saved", state
    yield "processes", {f"module.{name}": value for name, value in state.items()}
    yield "old head", {n.replace("head.", "keypoint_head."): v for n, v in state.items()}
    yield "preprocessor", {**state, "data_preprocessor.mean": torch.zeros(3, 1, 1)}
    yield "before counters", {n: v for n, v in state.items() if "num_batches" not in n}


@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("number", range(5))
def test_what_mmengine_loads_is_loaded(tmp_path, number, bare):
    state = Net().state_dict()
    _, named = list(variants(state))[number]
    torch.save(named if bare else dict(meta={}, state_dict=named), tmp_path / "c.pth")
    expected, model = Net(), Net()
    load_checkpoint(expected, str(tmp_path / "c.pth"), map_location="cpu", strict=True)
    load_weights(model, read_checkpoint(str(tmp_path / "c.pth")), "c.pth")
    for name, value in state.items():
        assert torch.equal(model.state_dict()[name], expected.state_dict()[name])
        assert torch.equal(model.state_dict()[name], value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (dict(extra=torch.ones(1)), "another model: extra is not in the model. Give"),
        ({"head.bias": None}, "head.bias is missing"),
        ({"head.bias": torch.ones(4)}, r"head.bias is \(4\) .*\(1\) in the model"),
        ({"head.bias": None, "a": 1, "b": 2, "c": 3}, "and 1 more. Give the config"),
        ({"head.bias": dict(a=1)}, "is of another model: .*head.bias"),
        ({3: torch.ones(1)}, "no weights"),
    ],
)
def test_other_weights_are_refused_and_change_nothing(change, said):
    model, other = Net(), Net()
    state = {**other.state_dict(), **change}
    state = {name: value for name, value in state.items() if value is not None}
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(InputError, match=f"checkpoint c.pth .*{said}"):
        load_weights(model, dict(state_dict=state), "c.pth")
    assert all(torch.equal(before[name], v) for name, v in model.state_dict().items())
    with pytest.raises(InputError, match="c.pth .*no weights"):
        load_weights(model, dict(state_dict=3), "c.pth")
