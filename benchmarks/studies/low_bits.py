"""Quantization-aware training until it has converged, on 1,000 digits, from one float network.

python tools/train.py benchmarks/studies/_base_/digits.py --work-dir work_dirs/digits-cnn
python tools/compare.py benchmarks/studies/low_bits.py ...
"""

_base_ = "_base_/methods.py"
QUANTIZED = "benchmarks/studies/_base_/quantized.py"
less = {_base_.decay: 5e-5}  # a weight decay of 5e-4 is the best for some
tuned = {
    name: dict(tune=dict(lines=[*few, {**few[-1], **less}]))
    for name, few in _base_.divided.trained_already.items()
}
found = dict(rule="BSAM", settings=dict(rho=0.2, rho_min=0.2, **_base_.warmup))
methods = dict(tuned, found=found)
middle = "W2A2"
four = {f"model.quantization.{part}.bit_width": 4 for part in ("weight", "activation")}
others = dict(config=QUANTIZED, choices_of=middle, seeds=3, methods=_base_.around)
cells = [
    dict(name=middle, config=QUANTIZED),
    dict(name="W4A4", options=four, **others),
]
hooks = [*_base_.hooks[:2], dict(type="RobustnessHook", weights=[])]
