"""``bsam eval_quantized``."""

from tasks.quantization.commands import eval_quantized as command

if __name__ == "__main__":
    command()
