"""Evaluation at several bit-widths, run as a user runs it, on the digits."""

import json
import re

import pytest

CONFIG = "configs/classification/resnet18_sgd.py"
OPTIONS = ["train_cfg.max_epochs=2"]


@pytest.mark.long
def test_widths_of_a_trained_network(tool, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")  # results are the same, and sooner there
    trained = tool("train", CONFIG, "--work-dir", "run", options=OPTIONS)
    assert trained.returncode == 0, trained.stderr[-2000:]
    tested = tool("test", CONFIG, "run/epoch_2.pth", options=OPTIONS)
    accuracy = float(re.findall(r"^accuracy +([\d.]+)$", tested.stdout, re.M)[-1])
    assert accuracy > 0.5

    bits = ("--bits", 8, 2)
    done = tool("eval_quantized", CONFIG, "run/epoch_2.pth", *bits, options=OPTIONS)
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "run/quantized/quantized.json").read_text())
    assert results["metric"] == "accuracy"
    found = {(r["method"], r["weight_bits"]): r for r in results["rows"]}
    metrics = {key: row["metrics"]["accuracy"] for key, row in found.items()}
    assert abs(metrics["float", 32] - accuracy) < 1e-4
    assert abs(metrics["PTQ", 8] - accuracy) < 0.02
    assert metrics["PTQ", 2] < accuracy - 0.1
    page = (tmp_path / "run/quantized/quantized.html").read_text()
    assert "Report: run/quantized/quantized.html" in done.stdout
    for row in found.values():  # all of it is on the screen
        assert f"{row['size_bytes']:,}" in done.stdout
        assert f"<td>{row['size_bytes']:,}</td><td>{row['bit_operations']:.3g}</td>" in page
        assert f"{row['metrics']['accuracy']:.4f}" in done.stdout
    assert "run/quantized/quantized.png" in done.stdout

    again = tool("eval_quantized", CONFIG, "run/epoch_2.pth", *bits, "--out", "run/quantized")
    assert again.returncode == 1
    assert again.stderr.startswith("error: --out run/quantized is not empty")
