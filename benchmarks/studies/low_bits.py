"""Quantization-aware training until it has converged, on 1,000 digits, from one float network.

python tools/train.py benchmarks/studies/_base_/digits.py --work-dir work_dirs/digits-cnn
python tools/compare.py benchmarks/studies/low_bits.py ...
"""

_base_ = "_base_/methods.py"
QUANTIZED = "benchmarks/studies/_base_/quantized.py"
lr, decay = "optim_wrapper.optimizer.lr", "optim_wrapper.optimizer.weight_decay"
decays = [
    *[(rate, 5e-4) for rate in (0.003, 0.01, 0.03)],
    *[(0.01, decay) for decay in (5e-5, 5e-3, 2e-2)],
]
radii = [(0.01, 0.02), (0.01, 0.05), (0.01, 0.1), (0.01, 0.2), (0.003, 0.05), (0.03, 0.05)]
plain = dict(cross=[{lr: a, decay: b} for a, b in decays])
both = dict(cross=[{lr: a, "rho": r, "rho_min": r} for a, r in radii])
methods = dict(
    SGD=dict(tune=plain),
    longer=dict(tune=plain),
    averaged=dict(tune=plain),
    SAM=dict(tune=dict(cross=[{lr: a, "rho": 2 * r} for a, r in radii])),
    BSAM=dict(tune=both),
    cheap=dict(tune=both),
)
middle = "W2A2"
four = {f"model.quantization.{part}.bit_width": 4 for part in ("weight", "activation")}
cells = [
    dict(name=middle, config=QUANTIZED),
    dict(
        name="W4A4",
        config=QUANTIZED,
        options=four,
        choices_of=middle,
        seeds=3,
        methods=_base_.tuned,
    ),
]
hooks = [*_base_.hooks[:2], dict(type="RobustnessHook", weights=[])]
