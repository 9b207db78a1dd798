"""The scale, the ends and the names of a landscape, and its pictures."""

import json
import re
import sys

import numpy as np
import pytest
from matplotlib.image import imread

from bsam_suite.errors import InputError
from bsam_suite.flatness.frames import in_order
from bsam_suite.flatness.interactive import check_installed, write_html
from bsam_suite.flatness.landscape import Landscape, ends, short_labels
from bsam_suite.flatness.picture import write_png
from bsam_suite.flatness.scale import common_scale
from bsam_suite.flatness.surface import Axis, Mark, Surface


def test_the_scale_is_logarithmic_where_the_loss_grows_many_times_over():
    plain = common_scale([np.array([1.0, 2.0]), np.array([[np.nan, np.inf], [15.0, 3.0]])])
    assert (plain.low, plain.high, plain.log, plain.clipped) == (1, 15, False, False)
    assert plain.label == "loss" and all(1 <= tick <= 15 for tick in plain.ticks())
    grown = common_scale([np.array([0.5, 40.0])])
    assert grown.log and (grown.low, grown.high) == (0.5, 40)
    assert grown.ticks() == [0.5, 1, 2, 5, 10, 20]
    assert grown.position([5.0, np.inf]) == pytest.approx([np.log10(5), np.nan], nan_ok=True)


def test_the_scale_ends_where_the_loss_explodes():
    exploding = common_scale([np.array([0.1, 1.0, 1e30])])
    assert exploding.log and exploding.high == pytest.approx(1e5) and exploding.clipped
    assert exploding.label == "loss (logarithmic), cut off at 1e+05"
    assert exploding.position(1e30) == pytest.approx(5)
    negative = common_scale([np.array([-1.0, -1.0, -1.0, 0.0, 0.0, 1e30])])  # a log-likelihood, say
    assert not negative.log and negative.high == 19 and negative.clipped
    peak = common_scale([np.array([1.0, 1.0, 1.001, 1.001, 15.0])])
    assert peak.high == 15 and not peak.clipped


@pytest.mark.parametrize("losses", [[2.0, 2.0], [0.0], [np.nan], []])
def test_the_scale_of_a_constant_or_of_nothing(losses):
    scale = common_scale([np.array(losses)])
    assert scale.low < scale.high and np.isfinite(scale.position([scale.low, scale.high])).all()


def test_the_axes_hold_what_is_marked():
    assert ends([(0.0, 0.0)], None, 1.0) == [(-1, 1), (-1, 1)]
    assert ends([(0.0,), (1.0,)], None, 9.0) == [(-0.25, 1.25)]
    assert ends([(0.0, 3.0), (8.0, 3.0)], None, 9.0) == [(-2, 10), (1.5, 4.5)]
    assert ends([(0.0, 3.0), (8.0, 3.0)], 2.0, 9.0) == [(2, 6), (1, 5)]


def test_names_of_checkpoints_are_what_tells_them_apart():
    assert short_labels(["w/sgd/epoch_9.pth", "w/sam/epoch_9.pth"]) == ["sgd", "sam"]
    assert short_labels(["w/sgd/epoch_9.pth", "w/sgd/epoch_1.pth"]) == ["epoch_9", "epoch_1"]
    assert short_labels(["w/a/1.pth", "w/b/2.pth", "c.pth"]) == ["w/a/1", "w/b/2", "c"]
    assert short_labels(["w/sgd/epoch_9.pth"]) == ["sgd/epoch_9"]


def test_the_order_of_a_path():
    names = ["epoch_1.pth", "epoch_10.pth", "epoch_2.pth"]
    assert in_order(names) == ["epoch_1.pth", "epoch_2.pth", "epoch_10.pth"]
    assert in_order(["start.pth", *names]) == ["start.pth", *names]


def landscape(dims, count=1):
    axes = [Axis("first (distance)", [0.0, 0.5, 1.0]), Axis("second (distance)", [-1.0, 1.0])]
    loss = np.array([[1.0, 2.0, np.inf], [4.0, 5.0, 60.0]])
    marks = [Mark("<b>best", (0.5, 0.0)[:dims], 0.1, 3.0)]
    path = [Mark(f"epoch_{n}", (n / 2, 1 - n), 0.1, 3.0 - n) for n in range(3)][: 9 * (dims > 1)]
    shown = [Surface(f"net {n}", loss if dims > 1 else loss[0], marks, path) for n in range(count)]
    return Landscape("Loss & more", ["A note."], axes[:dims], shown, dict(seed=3))


@pytest.mark.parametrize("dims, count", [(1, 2), (2, 1), (2, 4)])
def test_pictures(dims, count, tmp_path):
    drawn = landscape(dims, count)
    write_png(drawn, tmp_path / "a.png")
    picture = imread(tmp_path / "a.png")
    assert picture.shape[1] > 800 and picture[..., :3].std() > 0.05
    # Nothing is cut off: the outermost pixels are white.
    border = np.concatenate([picture[:3].reshape(-1, 4), picture[:, -3:].reshape(-1, 4)])
    assert border.min() == 1

    write_html(drawn, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text()
    tags = re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.S)
    assert "<h1" in tags and "Loss &amp; more" in tags and "A note." in tags
    assert not re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=", page[: page.index("<script")])
    assert not re.findall(r"(?:src|href)=.?http", tags)
    drawn = page[page.rindex("Plotly.newPlot(") :]
    assert "&lt;b&gt;best" in drawn and "<b>best" not in drawn and "u003cb\\u003e" not in drawn
    assert len(page) > 3_000_000 and '"showSendToCloud": false' in page


def test_the_json_has_the_numbers():
    content = json.loads(json.dumps(landscape(2).as_json(), allow_nan=False))
    assert content["seed"] == 3 and content["axes"][0]["values"] == [0, 0.5, 1]
    (surface,) = content["surfaces"]
    assert surface["loss"] == [[1, 2, None], [4, 5, 60]]
    assert surface["marks"] == [dict(label="<b>best", place=[0.5, 0], distance=0.1, loss=3)]
    assert [mark["label"] for mark in surface["path"]] == ["epoch_0", "epoch_1", "epoch_2"]


@pytest.mark.parametrize("name", ["matplotlib", "plotly"])
def test_without_what_draws(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=f"{name} cannot be imported.*extra flatness"):
        check_installed()
