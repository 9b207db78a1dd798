"""The top eigenvalue of the Hessian: its error, and its cost in gradient passes and gradients.

    python benchmarks/hessian.py                # a ResNet-18 trained on the digits for 5 epochs
    python benchmarks/hessian.py --checkpoint FILE --cfg-options model.net.width=64

The converged value is that of a residual of 1e-5. A gradient pass is one forward and backward over
all samples, and a gradient has the memory of the weights. Peaks are those of a pass over one image,
whose activations are small beside the weights.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from peak_memory import peak_memory
from timing import interleaved_times, ratio

from bsam_suite.commands import train
from bsam_suite.flatness.hessian import top_eigenpairs
from bsam_suite.flatness.objective import Objective
from bsam_suite.flatness.trained import load_objectives
from bsam_suite.options import KeyValues

CONFIG = str(Path(__file__).parents[1] / "configs/classification/resnet18_sgd.py")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default=CONFIG)
    parser.add_argument("--checkpoint", help="a ResNet-18 is trained where it is missing")
    parser.add_argument("--epochs", type=int, default=5, help="of that training")
    parser.add_argument("--cfg-options", nargs="+", action=KeyValues, default={})
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=250)
    parser.add_argument("--tolerance", type=float, default=0.01)
    parser.add_argument("--rounds", type=int, default=5, help="of timing; 0 counts only")
    parser.add_argument("--device", help="as in tools/analyze_flatness.py")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = args.checkpoint or _trained(args, folder)
        objective = load_objectives(
            args.config,
            [file],
            args.cfg_options,
            samples=args.samples,
            batch_size=args.batch_size,
            device=args.device,
        )[file]
    print(f"{objective.size:,} parameters, {objective.count:.0f} samples, {objective.device}")
    _accuracy(objective, args.tolerance)
    _memory(objective)
    if args.rounds:
        _time(objective, args.tolerance, args.rounds)


def _trained(args: argparse.Namespace, folder: str) -> str:
    options = {**args.cfg_options, "train_cfg.max_epochs": args.epochs}
    words = [f"{name}={value}" for name, value in options.items()]
    train([args.config, "--work-dir", folder, "--no-validate", "--cfg-options", *words])
    return f"{folder}/epoch_{args.epochs}.pth"


def _accuracy(objective: Objective, tolerance: float) -> None:
    converged = top_eigenpairs(objective, tolerance=1e-5)
    value = converged.values.item()
    print(f"converged: {value:.6g}, residual {converged.residuals.item() / value:.1e} of it")
    for seed in range(3):
        objective.passes.clear()
        found = top_eigenpairs(objective, tolerance=tolerance, seed=seed)
        off = abs(found.values.item() / value - 1)
        print(
            f"seed {seed}: off by {off:.1e}, residual {found.residuals.item() / value:.1e} of it; "
            f"{objective.passes['product']} products, one of them for the residual"
        )


def _memory(objective: Objective) -> None:
    """Peaks over what is held before; the vector that a product takes is counted as well."""
    image = {name: value[:1] for name, value in objective.batches[0].items()}
    one = Objective(objective.model, objective.batch_loss, [image])
    unit, vector = objective.weights().nbytes, torch.ones_like(objective.weights())
    device = objective.device.type
    gradient = peak_memory(one.gradient, device) / unit
    product = peak_memory(lambda: one.product(vector), device) / unit + 1
    print(
        f"peak on one image, its activations included: a gradient pass {gradient:.2f} gradients, a "
        f"product {product:.2f}, its vector included. On the CPU: a Lanczos basis of 6 vectors"
    )


def _time(objective: Objective, tolerance: float, rounds: int) -> None:
    times = interleaved_times(
        dict(
            gradient=objective.gradient,
            eigenvalue=lambda: top_eigenpairs(objective, tolerance=tolerance),
        ),
        rounds,
    )
    print(f"time: {ratio(times['eigenvalue'], times['gradient'], 1)} gradient passes")


if __name__ == "__main__":
    main()
