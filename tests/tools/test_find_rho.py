"""tools/find_rho.py, as a user runs it."""

import json
import re
from pathlib import Path

import pytest

from bsam_suite.commands import find_rho
from bsam_suite.errors import InputError

ROOT = Path(__file__).parents[2]
CONFIG = "configs/classification/resnet18_sgd.py"
SMALL = ["image_size=8", "model.net.width=4", "train_cfg.max_epochs=1"]


@pytest.mark.long
def test_a_radius_for_a_config(tool, tmp_path):
    args = ["--rule", "BSAM", "k=2", "--steps", 20, "--looks", 4, "--radii", 0.05, 3]
    done = tool("find_rho", CONFIG, *args, "--out", "out", options=SMALL)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads((tmp_path / "out/find_rho.json").read_text())
    assert (tmp_path / "out/find_rho.png").stat().st_size > 10_000
    assert [one["step"] for one in found["looks"]][0] == 0
    assert all(len(one["rise"]) == 2 for one in found["looks"])
    rho, tried = found["rho"], found["runs"]
    assert rho == found["trains"] or rho == found["looks"][1]["bottom"]
    assert f"{found['trains']:g}" in tried and all(len(r["losses"]) == 20 for r in tried.values())
    assert tried[f"{found['trains']:g}"]["share"] >= 0.05
    said = re.search(r"^Take: (--rule BSAM k=2 rho=\S+ rho_min=\S+)$", done.stdout, re.M)
    following = done.stdout.splitlines()[-1]
    assert following.startswith("Next: ") and f"{CONFIG} {said[1]}" in following
    assert said and said[1].endswith(f"rho={rho:g} rho_min={rho:g}")
    assert not list((tmp_path / "out").rglob("*.pth"))

    # The short runs are what training begins with; the option that was said trains.
    option = said[1].split()
    option[2:] = [f"rho={found['trains']:g}", f"rho_min={found['trains']:g}", "k=2"]
    logged = ["default_hooks.logger.interval=1", "log_processor.window_size=1"]
    options = [*SMALL, *logged, "default_hooks.checkpoint=None"]
    whole = tool("train", CONFIG, *option, "--no-validate", "--work-dir", "run", options=options)
    assert whole.returncode == 0, whole.stderr[-2000:]
    (log,) = (tmp_path / "run").rglob("scalars.json")
    losses = [json.loads(line)["loss"] for line in log.read_text().splitlines()][:20]
    assert losses == pytest.approx(tried[f"{found['trains']:g}"]["losses"], rel=1e-4)


@pytest.mark.parametrize(
    "words, said",
    [
        (["--rule", "none"], "--rule none: it has no radius"),
        (["--rule", "BSAMM"], "--rule BSAMM: there is no such rule: did you mean 'BSAM'?"),
        (["--rule", "BSAM", "kk=5"], "BSAM has no 'kk'"),
        (["--rule", "BSAM", "rho=0.1"], "rho=0.1: leave it out"),
        (["--rule", "MomentumSAM"], "along the momentum"),
        (["--rule", "SAM", "--radii", "0", "0.1"], "--radii: 0.0 is no radius"),
        (["--rule", "SAM", "--steps", "3"], "--steps 3: give a number from 20"),
        (["--rule", "SAM", "--steps", "100000"], "the whole training has"),
        (["--rule", "SAM", "--looks", "1"], "--looks 1: give a number of batches from 2"),
        (["--rule", "SAM", "--seed", "-1"], "--seed -1"),
        (["--rule", "SAM", "--out", "full"], "--out full is not empty"),
        (["--rule", "SAM", "--cfg-options", "train_dataloader.batch_size=2000"], "two are needed"),
    ],
)
def test_unusable(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.txt").touch()
    args = find_rho.parse([str(ROOT / CONFIG), *words])
    with pytest.raises(InputError, match=re.escape(said)):
        find_rho.run(args)
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "a.txt"]
