"""docs/scaling.md: the formulas, against counted bytes and by hand."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/scaling.md").read_text()


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


def test_predictions_by_hand():
    from scaling import PEAK, Network, Way, step

    # A pass of 3 s: 1 forward, 2 backward. 8 MB by 4 processes at 4 MB/s: 2 * 3/4 * 2 = 3 s.
    network = Network("", weights=2e6, macs=PEAK / 2, images=1, used=1.0)
    assert network.seconds == pytest.approx(3)
    seconds = {
        Way("", 1, 1): 3 + (3 - 2),
        Way("", 3, 3): 9 + 3 * (3 - 2),
        Way("", 3, after=1): 9 + 3,
        Way("", 2, sharded=True): 2 * (1.5 + 3),
    }
    for way, expected in seconds.items():
        assert step(network, way, 4, bandwidth=4e6, latency=0) == pytest.approx(expected)


def test_the_page_has_what_the_command_prints(capsys, monkeypatch):
    import scaling

    monkeypatch.setattr("sys.argv", ["scaling.py"])
    scaling.main()
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(printed) > 30 and set(printed) <= set(PAGE.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_what_processes_send(processes):
    from communication import WAYS, measured

    for way, found in zip(WAYS, measured(processes)):
        expected = way.vectors, way.gathers, way.scatters
        assert found == pytest.approx(expected, abs=0.005), way.name
        sent = f"{way.sent(processes):.3f} |"
        (row,) = re.findall(rf"^\| {re.escape(way.name)} \| {processes} \|.*", PAGE, re.M)
        assert row.endswith(f"{sent} {sent}"), row
