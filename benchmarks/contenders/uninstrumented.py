"""The program alone, with nothing that records."""

from __future__ import annotations

from pathlib import Path


def setup(folder: Path) -> None:
    """Nothing to do."""


def autolog() -> None:
    """Nothing to do."""


def flush() -> None:
    """Nothing to do."""
