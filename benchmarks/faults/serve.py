"""Becomes a contender's server: ``python -m benchmarks.faults.serve recorder folder port``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.faults.recorders import RECORDERS


def main(recorder: str, folder: str, port: str) -> None:
    """Goes on as the program that the contender names."""
    arguments = RECORDERS[recorder].load().serve(Path(folder), int(port))
    os.execv(sys.executable, [sys.executable, *arguments])


if __name__ == "__main__":
    main(*sys.argv[1:4])
