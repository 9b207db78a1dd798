"""Export of a trained low-bit network, run as a user runs it, on the digits."""

import json
import re

import onnx
import pytest
from scipy.stats import binomtest

from bsam_suite.errors import InputError
from bsam_suite.quantization import command

FLOAT = "configs/classification/resnet18_sgd.py"
CONFIG = "configs/quantization/resnet18_w4a4_sgd.py"


@pytest.mark.long
def test_files_of_a_trained_network(tool, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")  # results are the same, and sooner there
    done = tool("train", FLOAT, "--work-dir", "float", options=["train_cfg.max_epochs=2"])
    assert done.returncode == 0, done.stderr[-2000:]
    options = ["model.checkpoint=float/epoch_2.pth", "train_cfg.max_epochs=1"]
    done = tool("train", CONFIG, "--work-dir", "run", options=options)
    assert done.returncode == 0, done.stderr[-2000:]
    args = "run/epoch_1.pth", "--bits", 4, "--out", "bits"
    done = tool("eval_quantized", CONFIG, *args, options=options[:1])
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads((tmp_path / "bits/quantized.json").read_text())["rows"]
    found = [(row["method"], row["weight_bits"]) for row in rows]
    assert found == [("float", 32), ("PTQ", 4), ("QAT", 4)]
    trained = json.loads((tmp_path / "run/metrics.json").read_text())["metrics"]
    assert rows[-1]["metrics"]["accuracy"] == trained["accuracy"]
    (tmp_path / "float/epoch_2.pth").unlink()  # an export does without

    def export(*args):
        return tool("export_quantized", CONFIG, "run/epoch_1.pth", *args)

    monkeypatch.delenv("TORCHDYNAMO_DISABLE")  # torch.onnx.export needs it
    packed = export("--out", "a.safetensors")
    assert packed.returncode == 0, packed.stderr[-2000:]
    assert re.search(r"4\.\d{3} bits each", packed.stdout)
    assert f"a.safetensors: {(tmp_path / 'a.safetensors').stat().st_size:,} bytes" in packed.stdout

    done = tool("test", CONFIG, "a.safetensors")
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(re.search(r"^accuracy +([\d.]+)", done.stdout, re.M)[1]) == pytest.approx(
        trained["accuracy"], abs=1e-4
    )
    for other, place in ((FLOAT, "net.conv1"), (CONFIG.replace("w4a4", "w8a8"), "4 bits")):
        done = tool("test", other, "a.safetensors")
        assert done.returncode == 1 and done.stderr.startswith("error: "), done.stderr[-2000:]
        assert place in done.stderr and "config" in done.stderr

    done = export("--out", "int4.onnx", "--int4", "--batches", 1)
    assert done.returncode == 0, done.stderr[-2000:]
    same, count = map(int, re.search(r"(\d+) of (\d+) argmaxes", done.stdout).groups())
    limit = binomtest(same, count).proportion_ci(0.95, method="exact").high
    assert count == 256 and limit >= 0.999
    weights = onnx.load(tmp_path / "int4.onnx").graph.initializer
    assert (
        sum(
            tensor.data_type == onnx.TensorProto.INT4 and len(tensor.dims) == 4
            for tensor in weights
        )
        == 19
    )

    before = (tmp_path / "int4.onnx").read_bytes()
    refused = export("--out", "int4.onnx")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: int4.onnx exists")
    assert (tmp_path / "int4.onnx").read_bytes() == before


@pytest.mark.parametrize(
    "values, message",
    [
        (dict(out="a.pth"), "--out a.pth: give a name that ends in .safetensors or .onnx"),
        (dict(out="b.safetensors", int4=True), "--int4 with --out b.safetensors"),
        (dict(out="b.safetensors", form="fast"), "--form fast with --out b.safetensors"),
        (dict(out="b.onnx", form="fast", int4=True), "--form fast with --int4"),
        (dict(out="none/b.onnx"), "the folder none does not exist"),
    ],
)
def test_unusable_values(tmp_path, monkeypatch, values, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        command.export(CONFIG, "run/epoch_1.pth", **values)
    assert not list(tmp_path.iterdir())
