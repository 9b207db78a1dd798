"""What the pictures of a run and of a comparison show, read off the figures themselves."""

from bsam_suite.engine.curves import draw_curves


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
