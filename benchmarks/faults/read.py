"""Tells, as JSON, the names of all spans in a store: ``python -m benchmarks.faults.read recorder folder server``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.faults.recorders import RECORDERS


def main(recorder: str, folder: str, server: str) -> None:
    """On the last line of stdout, since libraries print there."""
    print(f"\n{json.dumps(RECORDERS[recorder].load().stored(Path(folder), server))}")


if __name__ == "__main__":
    main(*sys.argv[1:4])
