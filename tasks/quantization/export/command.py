"""From a config and a checkpoint to an exported file and what to say about it."""

from __future__ import annotations

from pathlib import Path

from mmengine.registry import MODELS, init_default_scope
from torch import nn

from bsam_suite.compat import mend
from bsam_suite.engine.checkpoint import check_weights, read_checkpoint
from bsam_suite.engine.config import load_config
from bsam_suite.errors import InputError
from tasks.quantization.export.extra import check_new
from tasks.quantization.export.packed import save_packed
from tasks.quantization.export.rounded import quantized_layers


def export(
    config: str,
    checkpoint: str,
    out: str,
    batches: int = 4,
    int4: bool = False,
    options: dict | None = None,
) -> str:
    """Export a trained model; the end of ``out`` says as what.

    Args:
        config: config file of the quantized model.
        checkpoint: file with its weights.
        out: a new file, ``.safetensors`` for a packed checkpoint or ``.onnx``.
        batches: validation batches that ONNX Runtime is checked with.
        int4: store weights that 4 bits hold as int4, in ONNX.
        options: overrides of the config, by dotted keys.

    Returns:
        What was written, in a few lines.

    Raises:
        InputError: something given is not usable, or the model cannot be exported.
    """
    if not out.endswith((".safetensors", ".onnx")):
        raise InputError(f"--out {out}: give a name that ends in .safetensors or .onnx")
    if int4 and not out.endswith(".onnx"):
        raise InputError(f"--int4 with --out {out}: packed weights have their bits anyway; omit it")
    if batches < 1:
        raise InputError(f"--batches {batches}: give a whole number from 1")
    check_new(out)
    mend()
    cfg = load_config(config, options)
    cfg.load_from = checkpoint  # so that no float model is asked for
    init_default_scope(cfg.get("default_scope") or "mmengine")
    model = _model(cfg, checkpoint)
    if out.endswith(".safetensors"):
        size = save_packed(model, out)
        return (
            f"{out}: {size.file_bytes:,} bytes\n"
            f"{size.weights:,} quantized weights in {size.weight_bytes:,} bytes with their scales, "
            f"{size.weight_bytes * 8 / size.weights:.3f} bits each "
            f"({size.ideal_bytes:,.0f} bytes without scales)\n"
            f"everything else: {size.other_bytes:,} bytes"
        )
    from tasks.quantization.export.validate import export_checked

    return export_checked(model, cfg, Path(out), batches, int4)


def _model(cfg, checkpoint: str) -> nn.Module:
    content = read_checkpoint(checkpoint)
    model = MODELS.build(cfg.model)
    quantized_layers(model)
    check_weights(model, content, checkpoint)
    model.load_state_dict(content.get("state_dict", content))
    return model.eval()
