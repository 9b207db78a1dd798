"""Take a quantized model away: packed at its bits, or as ONNX. Needs the extra ``export``."""
