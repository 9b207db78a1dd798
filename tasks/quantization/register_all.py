"""Everything that a quantization config needs registered; named in its ``custom_imports``."""

from bsam_suite import engine, quantization  # noqa: F401
from tasks.quantization import hooks, preflight, quantized_model, rounding_hook  # noqa: F401
