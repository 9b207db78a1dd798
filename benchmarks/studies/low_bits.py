"""Quantization-aware training until it has converged, on 1,000 digits, from one float network.

python tools/train.py benchmarks/studies/_base_/digits.py --work-dir work_dirs/digits-cnn
python tools/compare.py benchmarks/studies/low_bits.py ...
"""

_base_ = "_base_/methods.py"
QUANTIZED = "benchmarks/studies/_base_/quantized.py"
cells = [
    dict(name="W2A2", config=QUANTIZED),
    dict(
        name="W4A4",
        config=QUANTIZED,
        options={
            "model.quantization.weight.bit_width": 4,
            "model.quantization.activation.bit_width": 4,
        },
    ),
]
hooks = [*_base_.hooks[:2], dict(type="RobustnessHook", weights=[])]
