"""``bsam export_quantized``."""

from tasks.quantization.commands import export_quantized as command

if __name__ == "__main__":
    command()
