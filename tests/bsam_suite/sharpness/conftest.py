"""Lets the tests here import ``flat_vector``."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
