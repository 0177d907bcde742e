"""The fault run (faults.py) in its small form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clickhouse.faults import Faults, run

pytestmark = pytest.mark.no_store


def test_nothing_is_lost_and_nothing_counts_twice_when_a_server_dies_and_the_engine_stops(tmp_path: Path) -> None:
    pytest.importorskip("chdb", reason="tests/run.py makes an environment with it")

    assert run(tmp_path, Faults()) > 0
