"""What tests share: small kernels and data, injected faults, a browser."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
