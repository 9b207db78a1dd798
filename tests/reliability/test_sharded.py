"""Models cut over two processes train as whole ones do, and go on bit for bit."""

import pytest
import torch

pytestmark = pytest.mark.slow
SHARDED = """
model_wrapper_cfg = dict(type="FullySharded", units=["Linear"])
"""
K_STEPS = """
optim_wrapper["k"] = 3
"""


@pytest.fixture
def run(train, tmp_path):
    """Train with more lines in the config, to the end, in two processes."""
    small = tmp_path / "small.py"
    text = small.read_text()

    def to_the_end(name, lines, *options, averaged=False):
        # The average of an EMAHook is a copy of the model, which a sharded one does not allow.
        kept = text if averaged else text.replace('dict(type="EMAHook", momentum=0.1)', "")
        small.write_text(kept + lines)
        status = train(2, name, *options).wait(300)
        assert status == 0, (tmp_path / f"{name}.txt").read_text()[-5000:]
        return tmp_path / name

    return to_the_end


@pytest.mark.parametrize("rule", ["", K_STEPS])
def test_as_whole_and_resumed(run, rule):
    from small_run import content, differences

    whole = content(run("whole", rule))["epoch_4.pth"]
    sharded = run("sharded", rule + SHARDED)
    found = content(sharded)["epoch_4.pth"]
    assert found["state_dict"].keys() == whole["state_dict"].keys()
    for name, value in whole["state_dict"].items():
        torch.testing.assert_close(found["state_dict"][name], value, rtol=0.01, atol=1e-3)
    assert found["optimizer"]["state"].keys() == whole["optimizer"]["state"].keys()

    (sharded / "epoch_4.pth").unlink()
    run("sharded", rule + SHARDED, "--resume", "auto")
    assert "resumed epoch: 3" in "".join(f.read_text() for f in sharded.glob("*/*.log"))
    assert not differences(content(sharded)["epoch_4.pth"], found)


def test_an_average_of_weights_is_refused(run):
    with pytest.raises(AssertionError, match="EMAHook copies the model"):
        run("averaged", SHARDED, averaged=True)
