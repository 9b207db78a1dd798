"""The commands of the pages that people read first run as they stand there.

Names in capitals and files of theirs are replaced, and options are added that make the runs small.
"""

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FEW_PEOPLE = ["people.train=48", "people.val=12"]
SMALL = {
    "configs/pose/": [*FEW_PEOPLE, "train_cfg.max_epochs=1", "train_cfg.val_interval=1"],
    "configs/classification/": ["image_size=8", "model.net.width=4", "train_cfg.max_epochs=1"],
    "configs/quantization/resnet18": [
        *("image_size=8", "model.model.net.width=4", "train_cfg.max_epochs=1"),
        "model.checkpoint=work_dirs/resnet18_sgd/epoch_1.pth",
    ],
    "configs/quantization/pose": [
        *(*FEW_PEOPLE, "train_cfg.max_epochs=1", "train_cfg.val_interval=1"),
        "model.checkpoint=random.pth",
    ],
}


def commands(page, title=""):
    """The tools of a page, or of its part with this title, and their words."""
    text = (ROOT / "docs" / page).read_text()
    part = text[text.index(title) :].split("\n## ")[0] if title else text
    for block in re.findall(r"^```bash\n(.*?)^```", part, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["python"] and words[1].startswith("tools/"):
                yield Path(words[1]).stem, words[2:]
            elif words[:1] == ["bsam"]:
                yield words[1], words[2:]


@pytest.fixture
def run(tool, monkeypatch):
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")  # results are the same, and sooner there

    def run(name, words, places=(), extra=()):
        words = [dict(places).get(word, word) for word in words]
        small = [o for place, some in SMALL.items() if words[0].startswith(place) for o in some]
        done = tool(name, words[0], *words[1:], *extra, options=small)
        assert done.returncode == 0, f"{name} {words}: {done.stderr[-2000:]}"
        return done.stdout

    return run


@pytest.mark.slow
def test_getting_started(run, tmp_path):
    own = "configs/classification/resnet18_sgd.py"
    float_model = "train", [own, "--work-dir", "work_dirs/resnet18_sgd"]
    run(*float_model)
    found = [run(*command, {"CONFIG": own}) for command in commands("index.md")]
    assert len(found) == 4 and all("Next: " in printed for printed in found)


@pytest.mark.slow
def test_commands(run):
    places = {"work_dirs/hrnet_bsam/epoch_8.pth": "work_dirs/hrnet_bsam/epoch_1.pth"}
    trained, resumed, tested = (run(*command, places) for command in commands("commands.md"))
    results = [re.findall(r"^coco/AP +(\S+)$", one, re.M)[-1] for one in (trained, resumed)]
    assert results[0] == results[1] and "coco/AP" in tested


@pytest.mark.slow
def test_low_bits(run, random_hrnet, tmp_path, monkeypatch):
    (tmp_path / "random.pth").symlink_to(random_hrnet)
    float_model = "configs/classification/resnet18_sgd.py"
    run("train", [float_model, "--work-dir", "work_dirs/resnet18_sgd"])
    places = {"FLOAT.pth": "work_dirs/resnet18_sgd/epoch_1.pth"}
    trained = "work_dirs/resnet18_w4a4_bsam/epoch_15.pth"
    places[trained] = trained.replace("15", "1")
    names = []
    for name, words in commands("quantization.md", "## From training to a file"):
        if name == "export_quantized":
            monkeypatch.delenv("TORCHDYNAMO_DISABLE")  # torch.onnx.export needs it
        run(name, words, places)
        names.append(name)
    assert names == ["train", "train", "eval_quantized", "export_quantized"]
    assert (tmp_path / "resnet18_w4a4.safetensors").stat().st_size > 1000


@pytest.mark.slow
def test_your_data(run, people, random_hrnet, tmp_path):
    annotations = people / "annotations/person_keypoints_val2017.json"
    places = {
        "data/coco": str(people),
        "work_dirs/hrnet_bsam/epoch_8.pth": str(random_hrnet),
        "FOLDER": str(people / "val2017"),
        "ANNOTATIONS.json": str(annotations),
        "RESULTS.json": str(tmp_path / "predictions/results.keypoints.json"),
    }
    for name, words in commands("your_data.md", "## Look for faults"):
        run(name, words, places)
    assert (tmp_path / "report/report.md").exists()
    for name, words in commands("your_data.md", "## Predict and evaluate"):
        extra = ["--annotations", annotations, "--out", "predictions"] if name == "predict" else []
        printed = run(name, words, places, extra)
    assert "AP" in printed


@pytest.mark.slow
def test_a_radius(run):
    ((name, words),) = commands("rules.md")
    extra = ["--steps", 20, "--looks", 4, "--radii", 0.05, 3]
    assert "Take: --rule BSAM k=5" in run(name, words, extra=extra)
