"""The results of a training run: printed, and saved in the work directory."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from mmengine.runner import Runner

from bsam_suite.engine.work_dir import POINTER
from bsam_suite.json_file import write_json
from bsam_suite.quiet import tell
from bsam_suite.shell import near, next_command, short

METRICS = "metrics.json"
SKIPPED, DAMAGED = "skipped_steps", "damaged_images"
"""Keys in the message hub: of the number of the first; of the files, why each cannot be read."""


def summarize(runner: Runner, args: Namespace) -> None:
    """Print metrics, checkpoint and next command; write ``METRICS`` to the work directory."""
    scalars = runner.message_hub.log_scalars
    metrics = {k[4:]: v.current() for k, v in scalars.items() if k.startswith("val/")}
    metrics = {k: v for k, v in metrics.items() if k not in ("time", "data_time")}
    checkpoint = last_checkpoint(runner.work_dir)
    skipped = runner.message_hub.get_info(SKIPPED, 0)
    tell("", table(metrics))
    if skipped:
        tell(f"{'skipped steps':<16} {skipped} (NaN or infinite gradients)")
    damaged = len(runner.message_hub.get_info(DAMAGED, {}))
    if damaged:
        tell(f"{'damaged images':<16} {damaged} (others took their places)")
    _write_metrics(runner, metrics, skipped, damaged)
    curves = Path(short(runner.work_dir)) / "curves.png"
    tell(f"Results: {short(runner.work_dir)}")
    if curves.is_file():
        tell(f"Curves: {curves}")
    if getattr(args, "tensorboard", False):
        tell(f"TensorBoard: tensorboard --logdir {near(runner.work_dir)}")
    if checkpoint:
        tell(f"Checkpoint: {checkpoint}")
        tell(next_command("test", args, checkpoint))
    else:
        tell("Next: default_hooks.checkpoint.interval sets when a checkpoint is saved; none was")


def summarize_test(runner: Runner, metrics: dict[str, float], args: Namespace) -> None:
    """Print metrics, where they are kept, and the next command."""
    tell("", table(metrics), f"Results: {short(runner.log_dir)}")
    if args.dump:
        tell(f"Predictions: {args.dump}")
    quantized = runner.cfg.model.get("type") == "Quantized"
    export = "export_quantized" if quantized else "export_onnx"
    out = f"{Path(args.checkpoint).stem}.onnx"
    tell(next_command(export, args, short(args.checkpoint), "--out", out))


def last_checkpoint(work_dir: str | Path) -> str | None:
    """The checkpoint that was saved last, as seen from the current folder."""
    pointer = Path(work_dir) / POINTER
    saved = pointer.read_text().strip() if pointer.is_file() else ""
    return short(saved) if saved else None


def _write_metrics(runner: Runner, metrics: dict[str, float], skipped: int, damaged: int) -> None:
    """Write ``WORK_DIR/metrics.json``: the last validation, other measures, the time of training.

    Measures are what hooks have logged under names of their own, such as ``flatness/trace``.
    """
    scalars = runner.message_hub.log_scalars
    measures = {k: v.current() for k, v in scalars.items() if not k.startswith(("train/", "val/"))}
    seconds = runner.message_hub.get_scalar("train/time").data[0]
    content = dict(
        metrics=metrics,
        measures=measures,
        iterations=runner.iter,
        seconds=float(seconds.sum()),
        skipped_steps=skipped,
        damaged_images=damaged,
        passes_per_step=getattr(runner.optim_wrapper, "passes_per_step", 1),
    )
    write_json(Path(runner.work_dir) / METRICS, content)


def table(metrics: dict) -> str:
    """A line for each metric."""
    return "\n".join(f"{name:<16} {value:.4f}" for name, value in metrics.items())
