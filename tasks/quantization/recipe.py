"""What the configs of quantization-aware training share."""

from __future__ import annotations

from pathlib import Path

from bsam_suite.engine.config import cfg_option
from bsam_suite.errors import InputError


def lsq(bits: int) -> dict:
    """The quantization of a model: LSQ, weights and inputs of ``bits`` bits."""
    return dict(
        weight=dict(type="LSQ", bits=bits, per_channel=True),
        activation=dict(type="LSQ", bits=bits),
        first_last_bits=8,
    )


#: Step sizes are learned without weight decay, and sharpness-aware rules leave them in place.
STEP_SIZES = dict(custom_keys={"_quantizer.": dict(decay_mult=0.0, rho=0.0, rho_min=0.0)})


def float_checkpoint(embedded: str) -> str | None:
    """Weights to start from: ``embedded``, made when they are missing; none for one's own data.

    One's own are given by ``--cfg-options model.checkpoint=FILE``.
    """
    return embedded if cfg_option("data_root") is None else None


def float_config(default: str) -> str:
    """Path of the float model's config: ``--cfg-options float_config=FILE``, or one of the suite.

    Args:
        default: its path in the suite.

    Raises:
        InputError: no such file.
    """
    file = Path(cfg_option("float_config", Path(__file__).parents[2] / default)).resolve()
    if not file.is_file():
        raise InputError(f"float_config={file} does not exist: give a config of the float model")
    return str(file)


def schedule(trained: dict) -> tuple[int, float]:
    """How many epochs, and from which learning rate.

    As S. Esser et al., "Learned Step Size Quantization", arXiv 1902.08153, on images of ImageNet's
    size, else half the float model's epochs from a fifth of its learning rate.

    Args:
        trained: config that the float model is trained by.
    """
    if trained.train_dataloader.dataset.dataset.type == "LazyFolderImages":
        return 90, 0.01
    return trained.train_cfg.max_epochs // 2, trained.optim_wrapper.optimizer.lr / 5
