"""The public names need neither MMPose nor what only an export needs."""

import subprocess
import sys

CODE = """
import sys
for name in ("mmpose", "mmcv", "onnx", "onnx_ir", "onnxruntime", "onnxscript", "safetensors"):
    sys.modules[name] = None  # cannot be imported
import bsam_suite
assert not {"torch", "mmengine", "cv2"} & set(sys.modules)
from torch import nn
from bsam_suite.quantization import LSQ, calibrate, load_packed, quantize, save_packed
model = quantize(nn.Sequential(nn.Linear(2, 2)), dict(type=LSQ, bit_width=4))
print(model[0].weight_quantizer)
try:
    save_packed(model, "a.safetensors")
except ValueError as error:
    print(error)
try:
    from bsam_suite.quantization import export_onnx
except ValueError as error:
    print(error)
"""


def test_without_extras(tmp_path):
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    layer, packed, onnx = done.stdout.splitlines()
    assert layer.startswith("LSQ(8 bits, weight") and "safetensors cannot be imported" in packed
    assert "onnx_ir cannot be imported" in onnx and "extra export" in onnx
