"""``bsam export_onnx``."""

from bsam_suite.commands import export_onnx as command

if __name__ == "__main__":
    command()
