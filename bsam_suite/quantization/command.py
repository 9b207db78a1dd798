"""From a config and a checkpoint to an exported file and what to say about it."""

from __future__ import annotations

from pathlib import Path

from bsam_suite.engine.trained import load_trained
from bsam_suite.engine.work_dir import check_new_file
from bsam_suite.errors import InputError
from bsam_suite.quantization.layers import quantized_layers
from bsam_suite.quantization.packed.checkpoint import save_packed


def export(
    config: str,
    checkpoint: str,
    out: str,
    batches: int = 4,
    int4: bool = False,
    options: dict | None = None,
    form: str = "auto",
) -> str:
    """Export a trained model; the end of ``out`` says as what.

    Returns:
        What was written, in a few lines.

    Raises:
        InputError: something given is not usable, or the model cannot be exported.
    """
    if not out.endswith((".safetensors", ".onnx")):
        raise InputError(f"--out {out}: give a name that ends in .safetensors or .onnx")
    if int4 and not out.endswith(".onnx"):
        raise InputError(f"--int4 with --out {out}: packed weights have their bits anyway; omit it")
    if form != "auto" and not out.endswith(".onnx"):
        raise InputError(f"--form {form} with --out {out}: forms are ONNX's, omit it")
    if form != "auto" and int4:
        raise InputError(f"--form {form} with --int4, which is a form of its own: omit one")
    check_new_file(out)
    cfg, model = load_trained(config, checkpoint, options)
    quantized_layers(model)  # or there are none
    if out.endswith(".safetensors"):
        size = save_packed(model, out, cfg.pretty_text)
        return (
            f"{out}: {size.file_bytes:,} bytes\n"
            f"{size.weights:,} quantized weights in {size.weight_bytes:,} bytes with their scales, "
            f"{size.weight_bytes * 8 / size.weights:.3f} bits each "
            f"({size.ideal_bytes:,.0f} bytes without scales)\n"
            f"everything else: {size.other_bytes:,} bytes"
        )
    from bsam_suite.quantization.onnx.validate import export_checked

    return export_checked(model, cfg, Path(out), batches, "int4" if int4 else form)
