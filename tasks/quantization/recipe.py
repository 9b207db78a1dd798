"""What the configs of quantization-aware training share."""

from __future__ import annotations

from pathlib import Path

from bsam_suite.engine.config import cfg_option
from bsam_suite.errors import InputError


def lsq(bits: int) -> dict:
    """The quantization of a model: LSQ, weights and inputs of ``bits`` bits."""
    return dict(
        weight=dict(type="LSQ", bit_width=bits, per_channel=True),
        activation=dict(type="LSQ", bit_width=bits),
        first_last_bit_width=8,
    )


#: Step sizes are learned without weight decay, and sharpness-aware rules leave them in place.
STEP_SIZES = dict(custom_keys={"_quantizer": dict(decay_mult=0.0, rho=0.0, rho_min=0.0)})


def low_bit_classifier(
    base: dict, config: str, embedded: str
) -> tuple[dict, list, dict, list, dict, list, dict]:
    """The fields of a config that quantizes a classifier by LSQ from a float model.

    Args:
        base: the float model's config.
        config: its path in the suite.
        embedded: its weights, made when they are missing; for one's own images they are given by
            ``--cfg-options model.checkpoint=FILE``.

    Returns:
        ``custom_imports``, ``preflight``, ``model``, ``custom_hooks``, ``train_cfg``,
        ``param_scheduler`` and ``optim_wrapper``.
    """
    checkpoint = embedded if cfg_option("data_root", kind=str) is None else None
    epochs, lr = _schedule(base)
    epochs = cfg_option("train_cfg.max_epochs", epochs)
    return (
        dict(imports=["tasks.classification.register_all", "tasks.quantization.register_all"]),
        [*base.preflight, dict(type="prepare_float", config=config)],
        dict(_delete_=True, type="Quantized", model=base.model, checkpoint=checkpoint),
        [*base.custom_hooks, dict(type="CalibrationHook")],
        dict(max_epochs=epochs),
        [dict(type="CosineAnnealingLR", end=epochs, convert_to_iter_based=True)],
        dict(optimizer=dict(lr=lr), paramwise_cfg=STEP_SIZES),
    )


def float_config(default: str) -> str:
    """Path of the float model's config: ``--cfg-options float_config=FILE``, or one of the suite.

    Args:
        default: its path in the suite.

    Raises:
        InputError: no such file.
    """
    given = cfg_option("float_config", kind=str)
    file = Path(given or Path(__file__).parents[2] / default).resolve()
    if not file.is_file():
        raise InputError(f"float_config={file} does not exist: give a config of the float model")
    return str(file)


def _schedule(trained: dict) -> tuple[int, float]:
    """How many epochs, and from which learning rate.

    As S. Esser et al., "Learned Step Size Quantization", arXiv 1902.08153, on images of ImageNet's
    size, else half the float model's epochs from a fifth of its learning rate.

    Args:
        trained: config that the float model is trained by.
    """
    if trained.train_dataloader.dataset.dataset.type == "LazyImageFolder":
        return 90, 0.01
    return trained.train_cfg.max_epochs // 2, trained.optim_wrapper.optimizer.lr / 5
