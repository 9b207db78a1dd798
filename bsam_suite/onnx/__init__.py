"""Networks as ONNX files: written, checked against PyTorch, and run."""
