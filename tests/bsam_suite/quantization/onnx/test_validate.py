"""A file is there if ONNX Runtime agrees with the model, and in the fastest form that does."""

import json
import re

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from mmengine.config import Config
from torch import nn
from torch.utils.data import DataLoader

from bsam_suite.errors import InputError
from bsam_suite.onnx.session import Session
from bsam_suite.quantization import calibrate, quantize
from bsam_suite.quantization.onnx import validate

LSQ8 = dict(type="LSQ", bit_width=8)
generator = torch.Generator().manual_seed(0)
KINDS = torch.arange(360) % 4
IMAGES = torch.randn(4, 3, 6, 6, generator=generator)[KINDS]
IMAGES += 0.1 * torch.randn(360, 3, 6, 6, generator=generator)
MARK = 9.0


class Net(nn.Module):
    """Takes batches as MMEngine's models do; ``end`` makes its outputs of its scores.

    Where a picture's first value is MARK, the exported network gives the scores negated.
    """

    def __init__(self, end=lambda scores: scores):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3)
        self.last, self.end = nn.Linear(6, 4), end
        self.learn()

    @torch.no_grad()
    def learn(self):
        """Answer with the kind whose mean features are nearest."""
        features = self.features(IMAGES).mean((2, 3))
        means = torch.stack([features[kind == KINDS].mean(0) for kind in range(4)])
        self.last.weight.copy_(means)
        self.last.bias.copy_(-means.square().sum(1) / 2)

    def data_preprocessor(self, batch, training):
        return dict(inputs=batch)

    def features(self, inputs):
        return self.second(self.first(inputs).relu()).relu()

    def forward(self, inputs, data_samples=None, mode="tensor"):
        assert mode == "tensor"
        scores = self.last(self.features(inputs).mean((2, 3)))
        if torch.compiler.is_compiling():
            scores = torch.where(inputs[:, 0, 0, :1] == MARK, -scores, scores)
        return self.end(scores)


class Delicate(Net):
    """Its first layer's output goes on in float, with a channel of a thousand times the range."""

    def __init__(self):
        super().__init__()
        with torch.no_grad():
            self.first.weight[0] *= 1000
        self.learn()

    def features(self, inputs):
        x = self.first(inputs)
        return self.second(torch.cat([x[:, 1:], x[:, 1:2]], 1).relu()).relu()


@pytest.fixture
def export(tmp_path, monkeypatch):
    """Export a net in batches of 120, a number of pictures marked; the report and the model."""

    def run(net, marked=0, form="auto", batches=3):
        images = IMAGES.clone()
        images[:marked, 0, 0, 0] = MARK
        model = quantize(net, dict(LSQ8, per_channel=True), LSQ8).eval()
        calibrate(model, [IMAGES])
        monkeypatch.setattr(validate, "validation_loader", lambda _: DataLoader(images, 120))
        cfg = Config(dict(val_dataloader=dict(batch_size=120)))
        return validate.export_checked(model, cfg, tmp_path / "a.onnx", batches, form), model

    run.file = tmp_path / "a.onnx"
    return run


def same_answers(model, file, images=IMAGES):
    """How many answers of a file are the model's, counted here."""
    session = onnxruntime.InferenceSession(file)
    found = session.run(None, {session.get_inputs()[0].name: images.numpy()})[0]
    with torch.no_grad():
        wanted = model(images).argmax(1)
    assert wanted.unique().numel() == 4
    return int((torch.from_numpy(found).argmax(1) == wanted).sum())


def kernels(file, tmp_path):
    """Kinds of the nodes that ONNX Runtime makes of a file."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # what is written holds on this processor only
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]


def test_integers_where_the_answers_stay(export, tmp_path):
    text, model = export(Net(), batches=2)
    file, same = export.file, same_answers(model, export.file, IMAGES[:240])
    assert text.startswith(
        f"{file}: fast, {file.stat().st_size:,} bytes; {same} of 240 argmaxes as in the model, "
    )
    assert same >= 238 and kernels(file, tmp_path).count("QLinearConv") == 2
    assert "batch_size=120" in Session(file).config


def test_what_it_costs_against_float(export):
    text, _ = export(Net(), batches=1)
    line = re.search(r"takes (\S+) ms here, .* in float (\S+) ms: (\S+) of its time", text)
    ours, theirs, ratio = map(float, line.groups())
    assert ours > 0 and theirs > 0 and ratio == pytest.approx(ours / theirs, rel=0.02, abs=0.006)


def test_a_layer_that_integers_harm_is_computed_in_float(export, tmp_path):
    text, model = export(Delicate())
    lines = text.splitlines()
    assert lines[0].startswith(f"{export.file}: mixed, ") and "360 argmaxes" in lines[0]
    assert lines[1].startswith("1 of 2 layers are computed in float, on the rounded values: with ")
    assert same_answers(model, export.file) >= 359
    assert kernels(export.file, tmp_path).count("QLinearConv") == 1
    export.file.unlink()
    with pytest.raises(InputError, match="is not exported.* 99.9% are needed, try --form auto"):
        export(Delicate(), form="fast")
    assert not export.file.exists()


def test_the_form_that_is_asked_for(export, tmp_path):
    text, model = export(Net(), form="exact")
    assert text.startswith(f"{export.file}: exact, ")
    assert kernels(export.file, tmp_path).count("QLinearConv") == 0
    assert same_answers(model, export.file) >= 359
    export.file.unlink()
    text, _ = export(Net(), form="int4", batches=1)
    assert text.startswith(f"{export.file}: int4, ")


@pytest.mark.parametrize("form", ["auto", "exact"])
def test_a_few_others_among_many_are_chance_and_more_are_not(export, form):
    """99.9% are needed; Clopper and Pearson's interval of 2 others of 360 has it, of 3 not."""
    text, _ = export(Net(), marked=2, form="exact")
    assert "; 358 of 360 argmaxes as in the model, " in text
    export.file.unlink()
    with pytest.raises(InputError, match="is not exported.* 35[67] of 360 argmaxes"):
        export(Net(), marked=3 if form == "exact" else 4, form=form)
    assert not export.file.exists()


def test_all_outputs_count(export):
    """Both of a pair; and the worse one decides."""
    text, _ = export(Net(lambda scores: (scores, scores)), form="exact", batches=1)
    assert " of 240 argmaxes" in text
    export.file.unlink()

    def one_is_wrong(scores):
        return scores, -scores if torch.compiler.is_compiling() else scores

    with pytest.raises(InputError, match="is not exported"):
        export(Net(one_is_wrong), form="exact", batches=1)


def test_maps_may_agree_less(export):
    """99% are needed of maps; the interval of 7 others of 360 has it, of 9 not."""

    def maps(scores):  # (N, 1, 1, 12), each score in three cells
        return scores[:, None, None, :, None].expand(-1, 1, 1, 4, 3).flatten(3)

    text, _ = export(Net(maps), marked=7, form="exact")
    assert "; 353 of 360 argmaxes" in text
    export.file.unlink()
    with pytest.raises(InputError, match="351 of 360 argmaxes.* 99.0% are needed"):
        export(Net(maps), marked=9, form="exact")


def test_refusals(export):
    export.file.write_bytes(b"mine")
    with pytest.raises(InputError, match="a.onnx exists"):
        export(Net())
    assert export.file.read_bytes() == b"mine"


def test_what_the_file_takes_is_in_it(export):
    export(Net(), form="exact", batches=1)
    about = Session(export.file).about
    assert json.loads(about["input_size"]) == [6, 6] and "mean" not in about


def test_argmaxes():
    classes = np.array([[1.0, 2], [4, 3], [0, 1]])
    assert validate.agreement(classes, np.array([[1.0, 2], [3, 4], [0, 1]])) == (2, 3)
    maps = np.zeros((2, 3, 4, 5))  # of each map the place, not its row or the best map
    maps[:, :, 1, 2] = 1
    beside, away = maps.copy(), maps.copy()
    beside[0, 0, 2, 1] = beside[0, 1, 0, 2] = 2  # next to it, one of them diagonally
    assert validate.agreement(beside, maps) == (6, 6)
    away[1, 2, 1, 4] = away[0, 1, 3, 2] = 2
    assert validate.agreement(away, maps) == (4, 6)
    edges = np.zeros((1, 1, 4, 5)), np.zeros((1, 1, 4, 5))
    edges[0][0, 0, 1, 4] = edges[1][0, 0, 2, 0] = 1  # next to each other in memory only
    assert validate.agreement(*edges) == (0, 1)
    line = np.eye(9)[None, [4, 4, 4, 4]]
    assert validate.agreement(np.eye(9)[None, [2, 4, 7, 6]], line) == (3, 4)
    scores = np.zeros((2, 3, 4, 5))  # of classes at each pixel: two of 40 pixels are another
    scores[:, 1] = 1
    other = scores.copy()
    other[0, 2, 0, 0] = other[1, 0, 3, 4] = 5
    other[1, 1, 0, 0] = 9  # more of the same class
    assert validate.agreement(other, scores, classes=True) == (38, 40)
