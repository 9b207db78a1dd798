"""tools/plot_landscape.py, as a user runs it, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bsam_suite.commands import plot_landscape as command
from bsam_suite.errors import InputError
from bsam_suite.flatness.plot_landscape import plot_landscape

ROOT = Path(__file__).parents[2]
CONFIG = "configs/classification/resnet18_sgd.py"
SMALL = ["image_size=8", "model.net.width=2"]
FEW = ["--samples", 12, "--batch-size", 5, "--points", 3]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """``run(number)``: the file of a small network.

    Those of 1, 2 and 10 are random, 11 lies between 10 and 1, 12 is 1 again, 13 is of another model
    and 14 has a weight that is not finite.
    """
    from mmengine.registry import MODELS

    from bsam_suite.engine.config import load_config

    cfg = load_config(str(ROOT / CONFIG), {"image_size": 8, "model.net.width": 2})
    states = {}
    for number in (1, 2, 10):
        torch.manual_seed(number)
        states[number] = MODELS.build(cfg.model).state_dict()
    states[11] = {name: (value + states[1][name]) / 2 for name, value in states[10].items()}
    states[12], states[13] = states[1], {"other": torch.ones(1)}
    bias = {"net.fc.bias": torch.full_like(states[1]["net.fc.bias"], torch.nan)}
    states[14] = states[1] | bias
    folder = tmp_path_factory.mktemp("run")
    for number, state in states.items():
        torch.save(dict(state_dict=state), folder / f"epoch_{number}.pth")
    return lambda number: str(folder / f"epoch_{number}.pth")


def test_random_directions_around_two_networks(tool, run, tmp_path):
    done = tool("plot_landscape", CONFIG, run(1), run(2), *FEW, options=SMALL)
    assert done.returncode == 0, done.stderr[-2000:]
    folder = tmp_path / "work_dirs/landscape/resnet18_sgd"
    assert f"{folder.relative_to(tmp_path)}/landscape.png, .html, .json" in done.stdout
    assert {file.name for file in folder.iterdir()} == {
        "landscape.png",
        "landscape.html",
        "landscape.json",
    }
    content = json.loads((folder / "landscape.json").read_text())
    assert [axis["values"] for axis in content["axes"]] == [[-1, 0, 1]] * 2
    assert [surface["title"] for surface in content["surfaces"]] == ["epoch_1", "epoch_2"]
    losses = [np.array(surface["loss"], float) for surface in content["surfaces"]]
    assert losses[0].shape == (3, 3) and not np.allclose(losses[0], losses[1])
    assert content["batch_norm"] == "running" and content["along"] == "random"
    assert any("running statistics of the checkpoint" in note for note in content["notes"])
    assert any("Biases, norm layers" in note for note in content["notes"])

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").touch()
    refused = tool("plot_landscape", CONFIG, run(1), "--out", "mine", options=SMALL)
    assert refused.returncode == 1 and "--out mine is not empty" in refused.stderr


def test_a_path_on_the_plane_through_three_networks(tool, run, tmp_path):
    path = ["--along", "checkpoints", "--path", run(10), run(1), run(11)]
    files = map(run, (1, 2, 10))
    done = tool("plot_landscape", CONFIG, *files, *path, *FEW, "--out", "o", options=SMALL)
    assert done.returncode == 0, done.stderr[-2000:]
    content = json.loads((tmp_path / "o/landscape.json").read_text())
    (surface,) = content["surfaces"]
    first, second, third = (mark["place"] for mark in surface["marks"])
    assert first == [0, 0] and second[1] == pytest.approx(0, abs=1e-4) and third[1] > 1
    assert [mark["label"] for mark in surface["path"]] == ["epoch_1", "epoch_10", "epoch_11"]
    middle = surface["path"][2]
    assert middle["place"] == pytest.approx([third[0] / 2, third[1] / 2], rel=1e-4)
    assert middle["distance"] == pytest.approx(0, abs=1e-2)
    assert content["batch_norm"] == "anew"
    assert any(
        "anew at each place from these samples in batches of 5" in n for n in content["notes"]
    )


@pytest.mark.parametrize(
    "words, message",
    [
        (["1", "--range", "0"], "--range 0: give a number above 0"),
        (["1", "--range", "nan"], "--range nan: give a number above 0"),
        (["1", "--points", "1"], "--points 1: give a whole number from 2"),
        (["1", "--samples", "0"], "samples=0: give a whole number from 1"),
        (["1", "--along", "checkpoints"], "with 1 of them .*: give two for a line, three for a"),
        (["1", "2", "--along", "checkpoints", "--dims", "2"], "--dims 2: 2 checkpoints span 1"),
        (["1", "--along", "pca"], "--along pca: give the path with --path"),
        (["1", "2", "--path", "1", "2", "10"], "--path with 2 checkpoints .*: give the one"),
        (["1", "--dims", "1", "--path", "1", "2", "10"], "--path is drawn on a plane only"),
        (["1", "--along", "pca", "--path", "1", "2"], "the path has 2 checkpoints .* needs three"),
        (["1", "12", "--along", "checkpoints"], "epoch_1.pth and .*12.pth have the same weights"),
        (["1", "10", "11", "--along", "checkpoints"], "epoch_11.pth lie on a line"),
        (["1", "13"], "epoch_13.pth is of another model"),
        (["1", "14"], "epoch_14.pth has 10 weights that are not finite"),
        (["1", "99"], "epoch_99.pth does not exist"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_long_work(
    words, message, run, tmp_path, monkeypatch
):
    def measured(*_):
        raise AssertionError("a loss was measured")

    monkeypatch.setattr("bsam_suite.flatness.objective.Objective.loss", measured)
    monkeypatch.setattr("bsam_suite.flatness.plot_landscape.loss_with_new_statistics", measured)
    numbers = ("--range", "--points", "--samples", "--dims")
    given = [
        run(word) if word.isdigit() and before not in numbers else word
        for before, word in zip(["", *words], words)
    ]
    given += ["--out", str(tmp_path / "out"), "--cfg-options", *SMALL]
    with pytest.raises(InputError, match=message):
        plot_landscape(command.parse([str(ROOT / CONFIG), *given], None))
    assert not list((tmp_path / "out").glob("landscape*"))
