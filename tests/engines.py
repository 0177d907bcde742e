"""The engine that a run of the tests keeps its stores in: SQLite, or the one that the variable TESTS_ENGINE names."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

ENGINE = os.environ.get("TESTS_ENGINE", "sqlite")
SERVER = "TESTS_ENGINE_SERVER"  # user, password, host and port of the engine that this run has started


def projects_url(path: Path) -> str:
    """The folder of projects that a path names, or the URL of their database."""
    return str(path) if ENGINE == "sqlite" else url_of(path)


def url_of(path: Path) -> str:
    """The URL of the store that a path names."""
    if ENGINE == "sqlite":
        return f"sqlite:////{str(path).lstrip('/')}"
    database = "t" + hashlib.blake2b(str(path).encode(), digest_size=8).hexdigest()
    return f"{ENGINE}://{os.environ[SERVER]}/{database}"
