"""examples/quickstart.ipynb: its cells run one after the other, with a smaller setting."""

from pathlib import Path

import matplotlib.pyplot
import nbformat
import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

NOTEBOOK = Path(__file__).parents[2] / "examples/quickstart.ipynb"
SMALL = "EPOCHS, POINTS, RHO, BITS = 3, 3, 0.05, (8, 2)"


@pytest.fixture
def threads():
    """The notebook sets their number."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_the_cells_run_in_order(monkeypatch, capsys, threads):
    shown = []
    monkeypatch.setattr(matplotlib.pyplot, "show", lambda: shown.append(matplotlib.pyplot.gcf()))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    first, *cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in (first, *cells))
    names, small = {}, {}
    exec(first.source, names)
    exec(SMALL, small)
    assert names.keys() == small.keys()
    with torch._dynamo.config.patch(disable=True):  # the same results, sooner
        for cell in cells:
            exec(cell.source, small)

    for name, net in small["nets"].items():
        with torch.no_grad():
            logits = net(small["images"])
        train, test, labels = small["train"], small["test"], small["labels"]
        right = (logits.argmax(1) == labels)[test].double().mean().item()
        assert right > 0.6 and small["rounded"][name][0] == pytest.approx(right)
        in_float, at_8, at_2 = small["rounded"][name]
        assert abs(at_8 - in_float) < 0.01 and at_2 < in_float
        middle = small["surfaces"][name][1, 1]
        loss = cross_entropy(logits[train[:500]].double(), labels[train[:500]]).item()
        assert middle == pytest.approx(loss, rel=1e-4) and middle < small["surfaces"][name].mean()
    weights = [next(net.parameters()).detach().numpy() for net in small["nets"].values()]
    assert not np.allclose(weights[0], weights[1]) and not np.allclose(weights[1], weights[2])
    (figure,) = shown
    assert [panel.get_title() for panel in figure.axes] == ["SGD", "SAM", "BSAM"]
    assert "max_sharpness" in capsys.readouterr().out
