"""Everything that a quantization config needs registered; named in its ``custom_imports``."""

from bsam_suite import engine  # noqa: F401
from tasks.quantization import hooks, last_layers, preflight, quantizers, wrap  # noqa: F401
