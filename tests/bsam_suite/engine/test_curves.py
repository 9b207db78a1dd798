"""What the pictures of a run and of a comparison show, read off the figures themselves."""

import matplotlib.figure
import pytest

from bsam_suite.compare.plot import plot_runs
from bsam_suite.compare.results import Record
from bsam_suite.engine.curves import draw_curves


@pytest.fixture
def figures(monkeypatch):
    """The figures that were saved, by the name of the file."""
    saved, save = {}, matplotlib.figure.Figure.savefig

    def keep(figure, path, **kwargs):
        save(figure, path, **kwargs)
        saved[path.name] = figure

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", keep)
    return saved


def lines(axes):
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines}


def test_curves_of_a_run(figures, tmp_path):
    records = [
        dict(iter=1, step=10, loss=2.0, lr=0.1, max_sharpness=0.5, min_sharpness=0.25, memory=7),
        dict(iter=2, step=20, loss=1.0, lr=0.05, max_sharpness=0.75, min_sharpness=0.125),
    ]
    records += [{"step": 1, "coco/AP": 0.25, "time": 3.0}, {"step": 2, "coco/AP": 0.5}]
    draw_curves(records, "coco/AP", tmp_path / "a.png")
    drawn = {axes.get_title(): (lines(axes), axes.get_xlabel()) for axes in figures["a.png"].axes}
    sharpness = dict(max_sharpness=[[10, 0.5], [20, 0.75]], min_sharpness=[[10, 0.25], [20, 0.125]])
    assert drawn == {
        "loss": (dict(loss=[[10, 2.0], [20, 1.0]]), "iteration"),
        "sharpness": (sharpness, "iteration"),
        "learning rate": (dict(lr=[[10, 0.1], [20, 0.05]]), "iteration"),
        "coco/AP": ({"coco/AP": [[1, 0.25], [2, 0.5]]}, "epoch"),
    }
    draw_curves([dict(time=1.0)], "coco/AP", tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_picture_of_a_comparison(figures, tmp_path):
    values = {"": dict(sgd=[0.5, 0.75], sam=[1.0]), "rate=0.4": dict(sgd=[0.25])}
    records = [
        Record(setting, rule, seed, 1, 1, 9.0, value)
        for setting, rules in values.items()
        for rule, found in rules.items()
        for seed, value in enumerate(found)
    ]
    plot_runs(records, "accuracy", tmp_path / "a.png")
    axes = {panel.get_title(): panel for panel in figures["a.png"].axes}
    assert list(axes) == list(values) and axes[""].get_ylabel() == "accuracy"
    for setting, panel in axes.items():
        assert [label.get_text() for label in panel.get_xticklabels()] == ["sgd", "sam"]
        dots = [line.get_xydata().tolist() for line in panel.lines]
        means = [mean.get_segments()[0][:, 1].tolist() for mean in panel.collections]
        found = list(values[setting].values())
        assert dots == [[[place, v] for v in rule] for place, rule in enumerate(found)]
        assert means == [[sum(rule) / len(rule)] * 2 for rule in found]
