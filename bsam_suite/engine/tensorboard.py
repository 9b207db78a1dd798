"""Logs for TensorBoard."""

from __future__ import annotations

from mmengine.config import Config

from bsam_suite.optional import need

BACKEND = "TensorboardVisBackend"


def log_to_tensorboard(cfg: Config) -> None:
    """Add MMEngine's backend for TensorBoard to those of ``visualizer``, unless it is there.

    Raises:
        InputError: tensorboard is not installed.
    """
    need("tensorboard", "tensorboard")
    if not cfg.get("visualizer"):  # then MMEngine's default
        cfg.visualizer = dict(type="Visualizer", vis_backends=[dict(type="LocalVisBackend")])
    backends = cfg.visualizer.get("vis_backends") or []
    if all(backend.type != BACKEND for backend in backends):
        cfg.visualizer.vis_backends = [*backends, dict(type=BACKEND)]
